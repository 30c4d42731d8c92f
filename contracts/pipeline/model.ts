import { z } from 'zod';
import { expandModule, moduleModel, type ModuleShorthand } from './module-model.js';

const activation = z.enum(['relu', 'tanh', 'elu', 'sigmoid', 'gelu', 'silu', 'selu', 'leaky-relu', 'softplus']);
const hiddenUnits = z.array(z.int().min(1).max(8192)).min(1).max(16);
/** Options of each hidden layer. A model that leaves them out keeps the digest that it had before they were there. */
const hiddenLayers = {
  hidden: hiddenUnits.default([128, 64]),
  activation: activation.default('relu'),
  /** Share of a hidden layer's outputs that each training step sets to zero; default 0. Nothing is dropped in validation and serving. */
  dropout: z.number().min(0).max(0.9).optional(),
  /**
   * What is brought to mean 0 and variance 1 before the activation: the sums of each row (`layer`), or each unit over the rows of
   * the mini-batch (`batch`; by running statistics in validation and serving). Default `none`.
   */
  normalization: z.enum(['none', 'layer', 'batch']).optional(),
  /** Add each hidden layer's input to its output, through a matrix where their widths differ; default false. */
  residual: z.boolean().optional(),
};
const familySpec = z.discriminatedUnion('family', [
  z.strictObject({ family: z.literal('linear') }),
  z.strictObject({ family: z.literal('mlp'), ...hiddenLayers }),
  /** A linear part over one-hot categories (wide) plus embeddings and dense layers (deep). */
  z.strictObject({
    family: z.literal('wide-and-deep'),
    ...hiddenLayers,
    /** Multiplies every automatic embedding dimension. */
    embeddingScale: z.number().gt(0).max(8).default(1),
  }),
  /** Convolutions over an image, then dense layers, which see numeric and categorical features as well. */
  z.strictObject({
    family: z.literal('cnn'),
    /** Filters of each convolution; a pooling halves height and width after each. */
    filters: z.array(z.int().min(1).max(1024)).min(1).max(12).default([32, 64]),
    kernelSize: z.union([z.literal(3), z.literal(5)]).default(3),
    /** `separable`: a filter for each channel, then a mixture of them at each place, with a fraction of the weights; the first layer stays full. Default `full`. */
    convolution: z.enum(['full', 'separable']).optional(),
    pool: z.enum(['max', 'average', 'none']).default('max'),
    /** The dense layers see the mean of each filter over the image, whatever the image's size, instead of every place of it. */
    globalPooling: z.boolean().default(false),
    ...hiddenLayers,
    /** Dense layers before the output; none are needed. */
    hidden: z.array(z.int().min(1).max(8192)).max(16).default([128]),
  }),
  /** The user's own, in a file beside the pipeline's; `model: './models/my-net.ts'` says the same. */
  moduleModel,
]);

/** The fields of all families but the user's own. */
export const familyFields: ReadonlySet<string> = new Set(familySpec.options.flatMap((option) => Object.keys(option.shape)));

/** The same model in another family, without the fields that this one does not have; what is no family is left to the check. Pure. */
export function inFamily(model: unknown, family: unknown): unknown {
  const option = familySpec.options.find(({ shape }) => shape.family.value === family);
  const fields = typeof model === 'object' && model !== null ? Object.entries(model) : [];
  return { ...Object.fromEntries(option ? fields.filter(([field]) => Object.hasOwn(option.shape, field)) : fields), family };
}

export type ModelSpec = z.output<typeof familySpec>;
type ModelInput = z.input<typeof familySpec> | ModuleShorthand;

/** A preprocessing takes anything by its type; what it lets through is checked by the families. */
export const modelSpec = z.preprocess(expandModule, familySpec) as unknown as z.ZodType<ModelSpec, ModelInput>;
