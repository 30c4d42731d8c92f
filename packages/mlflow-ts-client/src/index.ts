export { MlflowClient } from './client.js';
export { isMlflowError, MlflowError, type MlflowErrorCode } from './errors.js';
export type { LogBatchInput } from './runs.js';
export { collect, filterString } from './search.js';
export type { MlflowAuth, MlflowClientOptions } from './transport.js';
export type * from './types.js';
