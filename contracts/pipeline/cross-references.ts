import { reservedOutputs } from '../model.js';
import { crossValidationProblems } from './cross-validation.js';
import { expectationProblems } from './expectation-problems.js';
import { featureProblems } from './feature-problems.js';
import { gateProblems } from './gate-problems.js';
import { imageProblems } from './image.js';
import { type MetricName, taskMetrics } from './metrics.js';
import { type PipelineSpec, primaryMetric } from './schema.js';
import { servingProblems } from './serving.js';
import { splitProblems } from './split-problems.js';
import { quantilesOf } from './training.js';
import { trainingProblems } from './training-problems.js';

function isOfQuantiles(metric: MetricName): boolean {
  return metric === 'pinball' || metric === 'coverage';
}

/** Names of outputs of the exported model. */
function reservedNames({ training, target }: PipelineSpec): readonly string[] {
  return reservedOutputs({ quantiles: quantilesOf(training), isMultilabel: target.task === 'multilabel' });
}

/** What the schema cannot say: names that must refer to something, ranges in order. */
export function crossReferenceProblems(spec: PipelineSpec): string[] {
  const problems: string[] = [];
  if (Object.keys(spec.features).length === 0) problems.push('features: at least one is needed');
  for (const [name, feature] of Object.entries(spec.features)) {
    // "__proto__" is a column of every object, and of no data.
    const column = Object.hasOwn(spec.columns, feature.column) ? spec.columns[feature.column] : undefined;
    if (!column) {
      problems.push(`features.${name}.column: there is no column "${feature.column}" in columns`);
      continue;
    }
    if (reservedNames(spec).includes(feature.column))
      problems.push(
        `features.${name}.column: "${feature.column}" is the name of an output of the exported model; rename the column in the source`,
      );
    problems.push(...featureProblems(name, feature, column.type));
    if (spec.target.task === 'multilabel' && 'encoding' in feature && feature.encoding === 'target')
      problems.push(
        `features.${name}.encoding: a multilabel target has no mean that categories could be encoded by; choose another encoding`,
      );
  }
  problems.push(...splitProblems(spec.split, spec.columns, spec.target.task));
  if (spec.crossValidation) problems.push(...crossValidationProblems(spec.crossValidation, spec.split, spec.columns, spec.target.task));
  problems.push(...expectationProblems(spec), ...gateProblems(spec.gates));
  for (const [i, gate] of spec.gates.entries()) {
    if ('crossValidated' in gate && gate.crossValidated && !spec.crossValidation)
      problems.push(
        `gates.${i}.crossValidated: the pipeline has no crossValidation whose folds could be measured; give it one, or leave crossValidated out (--set gates.${i}.crossValidated=null), so that the gate is about the test part`,
      );
  }
  for (const slice of spec.evaluation.slices) {
    if (!spec.features[slice] && !spec.columns[slice]) problems.push(`evaluation.slices: there is no feature or column "${slice}"`);
  }
  const { task } = spec.target;
  const asked = spec.gates.map(({ metric }, i) => [`gates.${i}.metric`, metric] as const);
  for (const [path, metric] of [['evaluation.primaryMetric', primaryMetric(spec)] as const, ...asked]) {
    if (!taskMetrics[task].includes(metric))
      problems.push(`${path}: a ${task} model has no ${metric}; its metrics are ${taskMetrics[task].join(', ')}`);
    else if (isOfQuantiles(metric) && !quantilesOf(spec.training))
      problems.push(`${path}: ${metric} is of predicted quantiles; set training.loss to { kind: 'quantile' }`);
  }
  if (primaryMetric(spec) === 'coverage')
    problems.push('evaluation.primaryMetric: more coverage is not better; choose pinball, and hold coverage within bounds by gates');
  for (const [i, gate] of spec.gates.entries()) {
    if ('betterThan' in gate && gate.metric === 'coverage')
      problems.push(`gates.${i}: more coverage is not better; give it a min and a max`);
  }
  problems.push(...trainingProblems(spec), ...imageProblems(spec), ...servingProblems(spec));
  if (spec.sweep) {
    if (spec.sweep.rungs.some((steps, i) => i > 0 && steps <= spec.sweep!.rungs[i - 1])) problems.push('sweep.rungs: must increase');
    for (const [path, range] of Object.entries(spec.sweep.space)) {
      if (range.kind !== 'choice' && !(range.low < range.high)) problems.push(`sweep.space.${path}: low must be below high`);
    }
  }
  return problems;
}
