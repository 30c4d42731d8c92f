import type { Anomaly } from '../../../contracts/dataset.js';

const ways: Readonly<Record<string, string>> = {
  'missing-column': 'Bring the column back into the source, or take it out of columns and features.',
  'extra-column': 'Nothing, or declare it in columns to use it.',
  type: 'Correct the values at the source, or the type in columns.',
  infinite: 'Correct the values at the source.',
  null: 'Fill the values at the source, or let the column be nullable.',
  range: 'Correct the values at the source, or min and max in columns.',
  allowed: 'Correct the values at the source, or allowed in columns.',
  target: 'Correct the labels at the source, or target.expression and target.classes.',
  quarantined: 'Correct the rows at the source, or raise expectations.maxQuarantined.',
  'min-rows': 'Give more data, or lower expectations.minRows.',
  'one-class': 'Take data with rows of every class; a model cannot learn from one.',
  'target-precision':
    'Subtract a constant in target.expression, such as the mean, and add it to the predictions: models compute with numbers of 32 bits.',
  'constant-target': 'Take data in which the target varies.',
  'few-rows-of-class': 'Give more rows of the class, or lower expectations.minRowsPerClass.',
  'duplicate-rows': 'Remove the copies at the source, or raise expectations.duplicates.max.',
  'duplicate-keys': 'Remove the repeated keys at the source.',
  'constant-column': 'Take the column out of the features: it tells nothing.',
  'suspicious-value':
    'Where it stands for a missing value, name it in source.nullText, or turn it into NULL by a query; else allow the column in expectations.suspicious.',
  'missing-values': 'Find out why values are missing that were there before.',
  'type-change': 'Correct the type at the source, or take the new one over with anneal schema --write.',
  'schema-column': 'Bring the column back into the source, or make its presence optional in the frozen schema.',
  domain: 'Correct the values at the source, or take the new ones over with anneal schema --write.',
  'frozen-range': 'Correct the values at the source, or take the new range over with anneal schema --write.',
  leakage: 'Take the column out of the features when it is not known at prediction time, or allow it in expectations.leakage.',
  'label-in-features': 'Take the column out of the features: the label is computed from it.',
  drift: 'Find out what changed at the source; accept the data when it is meant.',
  'target-drift': 'Find out what changed at the source; accept the data when it is meant.',
  'split-overlap':
    'Keep equal rows together by the split, remove copies at the source, or raise expectations.splitOverlap.max where rows repeat by nature.',
  'few-distinct-rows': 'Give split.key columns that tell rows apart, or split by time or group; else read its metrics with care.',
  'key-overlap': 'Split by that key, so that its rows stay together.',
  'time-gap': 'Fill the gap at the source.',
  split: 'Correct split in the pipeline.',
};

/** What to do about a finding, in a few words. */
export function wayOut({ rule }: Pick<Anomaly, 'rule'>): string {
  return Object.hasOwn(ways, rule) ? ways[rule] : 'Correct the data at their source, or the expectation in the pipeline.';
}
