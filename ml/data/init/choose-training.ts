import type { PipelineInput, Task } from '../../../contracts/pipeline.js';
import type { ChosenTarget } from './choose-target.js';
import type { Remarks } from './remark.js';

/** A larger ratio of the most to the least frequent class is evened out by weights. */
const imbalanced = 3;
/** Below this the test part is too small to be trusted alone. */
const fewRows = 5000;
/** So many steps without a better validation are waited for at least, where there are few rows. */
const patientSteps = 150;

export type ChosenTraining = Required<Pick<PipelineInput, 'model' | 'training' | 'sweep'>> & Pick<PipelineInput, 'crossValidation'>;

/**
 * A network and a search that fit the number of rows: seconds for hundreds of rows, minutes for millions.
 *
 * Pure.
 */
export function chooseTraining(
  rows: number,
  hasCategories: boolean,
  chosen: ChosenTarget,
  split: PipelineInput['split'],
  remarks: Remarks,
): ChosenTraining {
  const trained = rows * 0.7;
  const batchSize = Math.min(2048, Math.max(8, 2 ** Math.round(Math.log2(trained / 60))));
  const stepsPerEpoch = Math.max(1, Math.floor(trained / batchSize));
  const epochs = Math.min(200, Math.max(5, Math.round(3000 / stepsPerEpoch)));
  const hidden = rows < 2000 ? [32] : rows < 50_000 ? [64, 32] : [128, 64];
  const isSmall = rows < fewRows;
  const isImbalanced = chosen.target.task !== 'regression' && chosen.imbalance > imbalanced;
  if (isImbalanced)
    remarks.set('training.classWeights', `The largest class has ${chosen.imbalance.toFixed(1)} times the rows of the rarest.`);
  remarks.set('sweep', 'Successive halving: all trials begin, the better ones go on. Leave it out to train these settings as they are.');
  if (isSmall)
    remarks.set('crossValidation', `Few rows: several models, each tested on rows it has not seen, say more than one test part.`);
  const rung = Math.min(200, stepsPerEpoch * epochs);
  return {
    model:
      hasCategories && !isSmall ? { family: 'wide-and-deep', hidden } : { family: 'mlp', hidden, ...(isSmall ? { dropout: 0.1 } : {}) },
    training: {
      epochs,
      batchSize,
      learningRate: isSmall ? 0.005 : 0.003,
      ...(isImbalanced ? { classWeights: 'balanced' as const } : {}),
      // An epoch of few rows is a few steps, of which a handful tells nothing.
      earlyStopping: { patience: isSmall ? Math.min(100, Math.max(15, Math.ceil(patientSteps / stepsPerEpoch))) : 3 },
    },
    sweep: {
      trials: 8,
      rungs: [rung, rung * 4],
      space: {
        'training.learningRate': { kind: 'log-uniform', low: 0.0005, high: 0.02 },
        'training.weightDecay': { kind: 'log-uniform', low: 1e-6, high: 1e-2 },
        'model.hidden': {
          kind: 'choice',
          values: [hidden, hidden.map((units) => units * 2), [...hidden, Math.max(8, hidden[hidden.length - 1] / 2)]],
        },
      },
    },
    ...(isSmall ? { crossValidation: foldsOf(split, chosen.target.task) } : {}),
  };
}

/** Folds as the split is, so that they measure the same thing. */
function foldsOf(split: PipelineInput['split'], task: Task): NonNullable<PipelineInput['crossValidation']> {
  if (split.kind === 'time') return { kind: 'time-series', folds: 4 };
  return {
    kind: 'k-fold',
    folds: 5,
    ...(task === 'regression' || (split.kind === 'random' ? !split.stratify : split.kind === 'group') ? {} : { stratify: true }),
  };
}
