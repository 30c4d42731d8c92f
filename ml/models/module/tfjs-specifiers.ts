/** Packages that a bundle leaves out, and what stands for them in it until it is imported. */
export const tfjsSpecifiers = {
  '@tensorflow/tfjs-core': 'anneal:tfjs-core',
  '@tensorflow/tfjs-layers': 'anneal:tfjs-layers',
} as const;
