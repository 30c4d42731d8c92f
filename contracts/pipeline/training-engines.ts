export const trainingEngines = ['onnxruntime', 'onnxruntime-cuda', 'tfjs-node-gpu', 'tfjs-wasm', 'tfjs-cpu'] as const;
export type NamedEngine = (typeof trainingEngines)[number];
