export { layoutOf } from './transform/transform-kinds.js';
