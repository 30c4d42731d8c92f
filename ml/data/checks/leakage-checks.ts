import type { Anomaly } from '../../../contracts/dataset.js';
import { partColumn } from '../split/part-relation.js';
import { targetColumn } from '../target-column.js';
import { type CheckContext, found } from './check-context.js';
import { featureKey } from './feature-keys.js';
import { leakageScore } from './leakage-score.js';
import { columnsReadBy } from './target-reads.js';

/**
 * Features that give the label away: their column is read by the target's expression, or they alone predict it almost
 * perfectly in rows that they were not fitted on.
 *
 * Features in `expectations.leakage.allow` are left alone.
 */
export async function leakageChecks(context: CheckContext): Promise<Anomaly[]> {
  const { session, spec, columns, sample } = context;
  const { severity, allow, auc, skill, r2 } = spec.expectations.leakage;
  if (severity === 'off') return [];
  const { task, name: target } = spec.target;
  const limit = { binary: auc, multiclass: skill, multilabel: skill, regression: r2 }[task];
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const features = Object.entries(spec.features).filter(
    ([name, { column }]) => !allow.includes(name) && types.has(column) && types.get(column) !== 'image',
  );
  const read = await columnsReadBy(session, spec.target, [...new Set(features.map(([, { column }]) => column))]);
  const anomalies: Anomaly[] = [];
  for (const [name, feature] of features) {
    const wayOut = `take the feature "${name}" out, or allow it in expectations.leakage.allow`;
    if (read.has(feature.column)) {
      anomalies.push(
        ...found(severity, {
          rule: 'label-in-features',
          column: feature.column,
          expected: `no feature of a column that the target is computed from (${wayOut})`,
          found: `the feature "${name}", and the column in the expression of the target "${target}"`,
        }),
      );
      continue;
    }
    const key = await featureKey(context, feature, types.get(feature.column)!);
    const relation = `(SELECT ${key} AS key, ${targetColumn}, ${partColumn} AS part FROM ${sample} WHERE ${partColumn} IS NOT NULL)`;
    const score = await leakageScore(session, relation, task);
    if (!score || !(score.value >= limit)) continue;
    anomalies.push(
      ...found(severity, {
        rule: 'leakage',
        column: feature.column,
        expected: `no feature that alone predicts the target, ${score.name} below ${limit} (${wayOut})`,
        found: `the feature "${name}" with ${score.name} ${score.value.toFixed(4)} in validation and test (1 is perfect)${score.value > 0.999_999 ? ': it is a copy of the target, or computed from it' : ''}`,
      }),
    );
  }
  return anomalies;
}
