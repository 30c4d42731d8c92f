import type { Anomaly } from '../../../contracts/dataset.js';
import { type ExtremeColumn, suspiciousValues, valueText } from '../validate/extreme-values.js';
import { identifier } from '../sql-quoting.js';
import { type CheckContext, found, percent } from './check-context.js';

/** Values far outside of a column's others, in the sampled rows: repeated ones, probably marks of missing values, and absurd ones. */
export async function suspiciousColumns({ session, spec, columns, sample, sampledRows, rows }: CheckContext): Promise<Anomaly[]> {
  const { severity, allow } = spec.expectations.suspicious;
  if (severity === 'off') return [];
  const looked = columns.flatMap(({ name, type }): (ExtremeColumn & { readonly name: string })[] => {
    if (allow.includes(name)) return [];
    if (type === 'integer' || type === 'float') return [{ name, kind: 'number', value: identifier(name) }];
    return type === 'timestamp' ? [{ name, kind: 'time', value: `epoch_ms(${identifier(name)})` }] : [];
  });
  if (looked.length === 0) return [];
  const values = await suspiciousValues(session, sample, looked);
  return looked.flatMap(({ name, kind }, i) =>
    values[i].flatMap(({ value, rows: sampled, others }) =>
      found(severity, {
        rule: 'suspicious-value',
        column: name,
        expected:
          'no value far outside of the others that is repeated, as a mark of missing values is, or out of all proportion (expectations.suspicious)',
        found: `${valueText(value, kind)} in ${percent(sampled / sampledRows)} of the rows, the others from ${valueText(others[0], kind)} to ${valueText(others[1], kind)}`,
        rows: Math.round((sampled / sampledRows) * rows),
      }),
    ),
  );
}
