import * as tf from '@tensorflow/tfjs-core';
import { MathBackendCPU } from './cpu-backend.js';
// Kernels of our own must be there before a recording copies those of `cpu`.
import './affine-sample-kernel.js';
import './dropout-kernel.js';
import './random-uniform-kernel.js';
import { gradientAtWork, observeGradients } from './observed-gradients.js';
import { shapeRules } from './shape-rules.js';

/** Element types that a tape may hold. */
export type TapeType = 'float32' | 'int32' | 'bool';

/** A tensor that a recorded computation reads, computes or holds constant. */
export interface TapeValue {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: TapeType;
  /** Present when it does not depend on the inputs. */
  readonly constant?: Float32Array | Int32Array | Uint8Array;
  /** Name of the layer that made it, where the model says so with `tf.tidy(name, …)`. */
  readonly layer?: string;
}

/** One kernel call. Input and output numbers are ids of values. */
export interface TapeCall {
  readonly kernel: string;
  readonly inputs: Readonly<Record<string, number>>;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly outputs: readonly number[];
  readonly layer?: string;
  /** Kernel of the forward pass whose gradient made the call. */
  readonly gradientOf?: string;
}

export interface Tape {
  readonly values: readonly TapeValue[];
  /** In the order of execution; only what the outputs need. */
  readonly calls: readonly TapeCall[];
  readonly inputs: Readonly<Record<string, number>>;
  readonly outputs: Readonly<Record<string, number>>;
}

export interface TapeInput {
  readonly shape: readonly number[];
  readonly dtype: TapeType;
}

/** A recorded computation asked for numbers that it computes with: they mean nothing, and another run would have others. */
export class ValuesReadError extends Error {
  constructor() {
    super('reads the values of a tensor that it computes');
  }
}

const scopesOfTfjs: ReadonlySet<string> = new Set(['gradients', 'forward', 'backward', 'unnamed scope']);
const backendName = 'anneal-tape';
let backend: MathBackendCPU | undefined;
let active: Recorder | undefined;

/**
 * Run a computation once and write every kernel call down.
 *
 * Synchronous, and the tfjs backend that was set before is set again at the end, also on an error. The values that flow through are
 * meaningless (the inputs are zeros, costly kernels make zeros of the right shape), so `compute` must not read them.
 *
 * @param inputs by name
 * @param compute a pure function of the tensors; gradients taken inside are recorded too
 * @throws ValuesReadError
 */
export function recordTape(
  inputs: Readonly<Record<string, TapeInput>>,
  compute: (tensors: Readonly<Record<string, tf.Tensor>>) => Readonly<Record<string, tf.Tensor>>,
): Tape {
  if (active) throw new Error('a recording is in progress already');
  backend ??= registerTapeBackend();
  const previous = tf.getBackend() || 'cpu';
  observeGradients(tf.getKernelsForBackend(backendName).map(({ kernelName }) => kernelName));
  const recorder = new Recorder(backend);
  // Setting a backend that initializes synchronously takes effect before the first await.
  void tf.setBackend(backendName);
  active = recorder;
  tf.engine().startScope('tape__op');
  try {
    const tensors = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, dtype }]) => [name, recorder.input(name, tf.zeros([...shape], dtype))]),
    );
    return recorder.finish(compute(tensors));
  } finally {
    tf.engine().endScope();
    active = undefined;
    void tf.setBackend(previous);
  }
}

/** A CPU backend of its own, so that no tensor of other tfjs code lives in it; its kernels are those of `cpu`. */
function registerTapeBackend(): MathBackendCPU {
  const instance = new MathBackendCPU();
  const read = instance.readSync.bind(instance);
  instance.readSync = (data) => {
    active?.assertReadable(data);
    return read(data);
  };
  tf.registerBackend(backendName, () => instance, -1);
  for (const kernel of tf.getKernelsForBackend('cpu')) {
    tf.registerKernel({
      ...kernel,
      backendName,
      kernelFunc: (call) => (active ? active.run(kernel, call) : kernel.kernelFunc(call)),
    });
  }
  return instance;
}

type KernelArguments = Parameters<tf.KernelConfig['kernelFunc']>[0];

class Recorder {
  private readonly values: TapeValue[] = [];
  private readonly calls: TapeCall[] = [];
  private readonly inputs: Record<string, number> = {};
  /** Values that depend on an input. */
  private readonly ids = new Map<string, number>();
  private readonly constants = new Map<string, number>();
  private readonly dataIds = new Map<object, number>();
  /** Of values that depend on an input. */
  private readonly computed = new Set<object>();
  private isInKernel = false;

  constructor(private readonly cpu: MathBackendCPU) {}

  input(name: string, tensor: tf.Tensor): tf.Tensor {
    this.inputs[name] = this.add(tensor);
    return tensor;
  }

  /** Carry the call out and write it down, unless nothing in it depends on an input. */
  run(kernel: tf.KernelConfig, call: KernelArguments): tf.TensorInfo | tf.TensorInfo[] {
    const given = Object.entries(call.inputs).filter(([, tensor]) => tensor !== null && tensor !== undefined) as [string, tf.TensorInfo][];
    const depends = given.some(([, tensor]) => this.ids.has(this.key(tensor)));
    if (!depends) return kernel.kernelFunc(call);

    const inputs = Object.fromEntries(given.map(([name, tensor]) => [name, this.use(tensor)]));
    const shape = shapeRules[kernel.kernelName]?.(Object.fromEntries(given), call.attrs ?? {});
    const result = shape
      ? this.cpu.makeTensorInfo(shape, 'float32', new Float32Array(shape.reduce((product, length) => product * length, 1)))
      : this.carryOut(kernel, call);
    const made = Array.isArray(result) ? result : [result];
    // Reshaping back and forth gives the tensor that was there before.
    if (made.every((tensor) => this.ids.has(this.key(tensor)))) return result;
    const layer =
      this.currentLayer() ??
      Object.values(inputs)
        .map((id) => this.values[id].layer)
        .find(Boolean);
    const outputs = made.map((tensor) => this.ids.get(this.key(tensor)) ?? this.add(tensor, layer));
    const gradientOf = gradientAtWork();
    const origin = { layer, ...(gradientOf === undefined ? {} : { gradientOf }) };
    this.calls.push({ kernel: kernel.kernelName, inputs, attributes: { ...call.attrs }, outputs, ...origin });
    return result;
  }

  /** @throws ValuesReadError for data that depend on an input, unless a kernel computes with them */
  assertReadable(data: object): void {
    if (!this.isInKernel && this.computed.has(data)) throw new ValuesReadError();
  }

  private carryOut(kernel: tf.KernelConfig, call: KernelArguments): tf.TensorInfo | tf.TensorInfo[] {
    this.isInKernel = true;
    try {
      return kernel.kernelFunc(call);
    } finally {
      this.isInKernel = false;
    }
  }

  finish(outputs: Readonly<Record<string, tf.Tensor>>): Tape {
    const wanted = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, this.use(tensor)]));
    const needed = new Set(Object.values(wanted));
    const calls = this.calls
      .toReversed()
      .filter((call) => {
        if (!call.outputs.some((id) => needed.has(id))) return false;
        for (const id of Object.values(call.inputs)) needed.add(id);
        return true;
      })
      .toReversed();
    return { values: this.values, calls, inputs: this.inputs, outputs: wanted };
  }

  /** @returns the value's id; a tensor that was never seen is a constant */
  private use(tensor: tf.TensorInfo): number {
    const known = this.ids.get(this.key(tensor));
    if (known !== undefined) return known;
    const constant = this.constants.get(this.key(tensor));
    if (constant !== undefined) return constant;
    const data = this.cpu.readSync(tensor.dataId) as Float32Array | Int32Array | Uint8Array;
    return this.add(tensor, undefined, data.slice());
  }

  private add(tensor: tf.TensorInfo, layer?: string, constant?: TapeValue['constant']): number {
    if (tensor.dtype !== 'float32' && tensor.dtype !== 'int32' && tensor.dtype !== 'bool')
      throw new Error(`a recorded computation cannot hold ${tensor.dtype} tensors`);
    const id = this.values.length;
    this.values.push({ id, shape: [...tensor.shape], dtype: tensor.dtype, constant, layer });
    (constant ? this.constants : this.ids).set(this.key(tensor), id);
    if (!constant) this.computed.add(tensor.dataId);
    return id;
  }

  /** `Reshape` and lossless `Cast` return their input's data, so data alone do not name a value. */
  private key(tensor: tf.TensorInfo): string {
    let data = this.dataIds.get(tensor.dataId);
    if (data === undefined) this.dataIds.set(tensor.dataId, (data = this.dataIds.size));
    return `${data}:${tensor.shape.join('x')}:${tensor.dtype}`;
  }

  /** The innermost `tf.tidy(name, …)`; tfjs marks the scopes of its own operations with a suffix. */
  private currentLayer(): string | undefined {
    const names = tf.engine().state.scopeStack.map((scope) => scope.name);
    return names.findLast((name) => name && !name.endsWith('__op') && !scopesOfTfjs.has(name));
  }
}
