import * as tf from '@tensorflow/tfjs-core';

let atWork: string | undefined;

/** @returns the kernel whose gradient tfjs computes at the moment, by `observeGradients` */
export function gradientAtWork(): string | undefined {
  return atWork;
}

const observing = new WeakSet<tf.GradFunc>();

/** Have tfjs' gradients of kernels tell when they compute; what they compute stays the same. */
export function observeGradients(kernels: readonly string[]): void {
  for (const kernelName of kernels) {
    const config = tf.getGradient(kernelName);
    // A package of tfjs' that is loaded later registers all gradients once more.
    if (config === undefined || observing.has(config.gradFunc)) continue;
    const gradFunc = observedGradient(kernelName, config.gradFunc);
    observing.add(gradFunc);
    tf.registerGradient({ ...config, gradFunc });
  }
}

function observedGradient(kernel: string, gradFunc: tf.GradFunc): tf.GradFunc {
  return (...parameters) => {
    const gradients = observed(kernel, () => gradFunc(...parameters));
    // tfjs calls each of these when it wants the gradient of that input.
    return Object.fromEntries(
      Object.entries(gradients).map(([input, gradient]) => [input, () => observed(kernel, gradient)]),
    ) as typeof gradients;
  };
}

function observed<T>(kernel: string, work: () => T): T {
  const before = atWork;
  atWork = kernel;
  try {
    return work();
  } finally {
    atWork = before;
  }
}
