import { figure } from '../../contracts/figure.js';
import { metricNames, type MetricName } from '../../contracts/pipeline.js';
import type { PipelineStatus } from '../../contracts/training-pipeline.js';
import { table } from '../output.js';

/** More folds than this do not fit beside each other. */
const maxFolds = 10;

/** Mean, standard deviation and the value of each fold, the primary metric first; nothing for a run without a cross-validation. */
export function crossValidationTable({
  crossValidation,
  primaryMetric,
}: Pick<PipelineStatus, 'crossValidation' | 'primaryMetric'>): string[] {
  if (!crossValidation) return [];
  const { metrics, folds } = crossValidation;
  const isPrimary = (name: MetricName): number => Number(name === primaryMetric);
  const rows = metricNames
    .toSorted((a, b) => isPrimary(b) - isPrimary(a))
    .flatMap((name) => {
      const figures = metrics[name];
      if (!figures) return [];
      const values = folds.length > maxFolds ? [] : figures.values.map((value) => figure(value));
      return [[`  ${name}`, figure(figures.mean), `± ${figure(figures.standardDeviation)}`, ...values]];
    });
  const names = folds.length > maxFolds ? [] : folds.map(({ fold }) => `FOLD ${fold}`);
  return ['', ...table([`  CROSS-VALIDATION (${folds.length} folds)`, 'MEAN', 'DEVIATION', ...names], rows)];
}
