import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';

// Each instance, and tfjs makes several, would print advice to use another package with its first tensor: where whoever looks for an
// error looks first.
Object.defineProperty(MathBackendCPU.prototype, 'firstUse', { get: () => false, set() {} });

/** TensorFlow.js' own backend for processors, which says nothing. Importing this registers it as `cpu`. */
export { MathBackendCPU };
