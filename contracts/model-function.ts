import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Task } from './pipeline.js';

/** Shape of one row of an input, without the batch's axis. */
interface InputContext {
  readonly shape: readonly number[];
}

/** What a model of the user's own is built from: `export default function (context: ModelContext) { … }`. */
export interface ModelContext {
  /** The matrices that there are; a layers model names its inputs after them, a forward function reads them. */
  readonly inputs: {
    /** int32 [N, columns]: an index from 0 to size − 1 of each categorical and calendar feature; 0 is missing. */
    readonly categorical?: InputContext & { readonly columns: readonly { readonly name: string; readonly size: number }[] };
    /** float32 [N, columns]: numbers, scaled as the pipeline says. */
    readonly numeric?: InputContext & { readonly columns: readonly string[] };
    /** float32 [N, height, width, channels] in [0, 1]. */
    readonly image?: InputContext;
    /** float32 [N, width]: trained embeddings of the categories (as `mlp` has them) beside the numbers; for layers models. */
    readonly features?: InputContext;
  };
  /** Width of the result, which are logits: no sigmoid, no softmax after them. A regression's are standardized values. */
  readonly outputs: number;
  readonly task: Task;
  readonly seed: number;
  /** `model.options` of the pipeline. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** How a parameter of plain ops starts: by a rule of its shape, seeded by the run, or with given numbers. */
export type InitialValue = 'zeros' | 'ones' | 'glorot' | 'he' | ArrayLike<number>;

export interface ForwardInputs {
  readonly categorical?: Tensor;
  readonly numeric?: Tensor;
  readonly image?: Tensor;
}

export interface ForwardHelpers {
  /** False in validation and in the exported graph. */
  readonly training: boolean;
  /** Zero a share of the elements in training, other ones in each step, and scale the rest; `tf.dropout` would repeat itself. */
  dropout<T extends Tensor>(x: T, rate: number): T;
}

/** A model of plain ops: named parameters, and a pure function of them. */
export interface OpsModel {
  readonly parameters: Readonly<Record<string, { readonly shape: readonly number[]; readonly initial?: InitialValue }>>;
  /**
   * Differentiable, of the same operations for every batch, without state of its own.
   *
   * @returns logits [N, outputs]
   */
  forward(parameters: Readonly<Record<string, Tensor>>, inputs: ForwardInputs, helpers: ForwardHelpers): Tensor;
}

/** The default export of a module that a pipeline's `model` names. */
export type ModelFunction = (context: ModelContext) => LayersModel | OpsModel;
