export { rawColumn } from './transform/raw-column.js';
export { encodedColumns, type EncodedColumns } from './transform/transform-kinds.js';
