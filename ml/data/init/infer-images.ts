import type { PipelineInput } from '../../../contracts/pipeline.js';
import type { ImageSource } from '../../../contracts/pipeline/source.js';
import type { ChosenTarget } from './choose-target.js';
import type { ColumnFacts } from './column-facts.js';
import type { Remarks } from './remark.js';

/** Below this a small network learns as much, and sooner. */
const fewImages = 2000;
/** Steps of a training: minutes on two cores. */
const trainedSteps = 1500;
const imbalanced = 3;

/** What of a pipeline is so because its rows are images, one folder for each class. */
export interface ImageChoices extends Required<Pick<PipelineInput, 'columns' | 'split' | 'features' | 'model' | 'training'>> {
  /** Images that cannot be read. */
  readonly broken: number;
}

/**
 * A convolutional network over the images themselves, with small random changes of them in training.
 *
 * Pure.
 *
 * @param source with the size that the images are brought to
 * @param hasCopies whether equal images are to share a part
 */
export function inferImages(
  { height, width, channels }: ImageSource,
  columns: readonly ColumnFacts[],
  { rows, chosen, hasCopies, remarks }: { rows: number; chosen: ChosenTarget; hasCopies: boolean; remarks: Remarks },
): ImageChoices {
  const batchSize = rows < fewImages ? 32 : 64;
  const stepsPerEpoch = Math.max(1, Math.floor((rows * 0.7) / batchSize));
  const epochs = Math.min(60, Math.max(4, Math.round(trainedSteps / stepsPerEpoch)));
  const isImbalanced = chosen.imbalance > imbalanced;
  if (isImbalanced)
    remarks.set('training.classWeights', `The largest class has ${chosen.imbalance.toFixed(1)} times the images of the rarest.`);
  remarks.set(
    'split',
    `At random, by a hash of the image, with the same share of each class in every part.${hasCopies ? ' Equal images share a part.' : ''}`,
  );
  remarks.set('model', 'A pooling halves the sides after each convolution.');
  remarks.set(
    'training.augmentation',
    'Each training step sees the images a little changed. Add flip: "horizontal" where a mirrored image shows the same class.',
  );
  const broken = columns.find(({ name }) => name === 'problem');
  return {
    columns: { image: { type: 'image', height, width, channels }, label: { type: 'string' } },
    split: { kind: 'random', validation: 0.15, test: 0.15, stratify: true, ...(hasCopies ? { key: ['image'] } : {}) },
    features: { image: { kind: 'image', column: 'image' } },
    model: {
      family: 'cnn',
      filters: filtersOf(Math.min(height, width)),
      kernelSize: 3,
      hidden: [rows < fewImages ? 64 : 128],
      dropout: 0.3,
    },
    training: {
      epochs,
      batchSize,
      learningRate: 0.002,
      schedule: 'cosine',
      earlyStopping: { patience: Math.max(4, Math.ceil(epochs / 5)) },
      ...(isImbalanced ? { classWeights: 'balanced' as const } : {}),
      augmentation: { images: { shift: 0.08, rotate: 10 } },
    },
    broken: broken ? rows - broken.missing : 0,
  };
}

/** So many convolutions that a few places are left for the dense layers. */
function filtersOf(side: number): number[] {
  return [16, 32, 64].slice(0, Math.max(1, Math.min(3, Math.floor(Math.log2(side / 4)))));
}
