export { float32Max } from './transform/transform-kind.js';
export { lowerTransform } from './transform/transform-kinds.js';
