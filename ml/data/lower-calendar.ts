export { missingTimestamp } from './missing-timestamp.js';
