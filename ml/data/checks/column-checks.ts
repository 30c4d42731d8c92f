import type { Anomaly } from '../../../contracts/dataset.js';
import type { FrozenColumn } from '../../../contracts/pipeline.js';
import type { CheckSeverity } from '../../../contracts/pipeline/scalars.js';
import { identifier, numberLiteral, textLiteral } from '../sql-quoting.js';
import { type CheckContext, found, percent } from './check-context.js';

/** What a query over all clean rows counts of a column. */
interface ColumnCounts {
  readonly missing: number;
  readonly isConstant: boolean;
  readonly value: string;
  readonly outsideDomain: number;
  readonly stranger: string;
  readonly outsideRange: number;
}

/**
 * Missing values, values outside of the frozen domain and range, and columns that have lost their variety.
 *
 * One pass over the clean rows for all columns.
 */
export async function columnChecks(context: CheckContext): Promise<Anomaly[]> {
  const { session, spec, columns, clean, rows } = context;
  if (columns.length === 0) return [];
  const frozenOf = (name: string): FrozenColumn | undefined => ownValue(spec.schema?.columns, name);
  const figures = columns.flatMap(({ name, type }, i) =>
    type === 'image' ? [`count(${identifier(name)}) AS present${i}`] : countsSql(identifier(name), frozenOf(name), i),
  );
  const [counted] = await session.rows(`SELECT ${figures.join(', ')} FROM ${clean}`);
  const featureColumns = new Set(Object.values(spec.features).map(({ column }) => column));
  return columns.flatMap(({ name }, i) => {
    const counts: ColumnCounts = {
      missing: rows - Number(counted[`present${i}`]),
      isConstant: Number(counted[`present${i}`]) > 1 && counted[`low${i}`] !== undefined && counted[`low${i}`] === counted[`high${i}`],
      value: String(counted[`low${i}`]),
      outsideDomain: Number(counted[`domain${i}`] ?? 0),
      stranger: (counted[`stranger${i}`] as string | null) ?? '',
      outsideRange: Number(counted[`range${i}`] ?? 0),
    };
    const frozen = frozenOf(name);
    return [
      ...missingValues(context, name, counts, frozen),
      ...(featureColumns.has(name) ? constant(context, name, counts, frozen) : []),
      ...(frozen ? strangers(context, name, counts, frozen) : []),
    ];
  });
}

function countsSql(column: string, frozen: FrozenColumn | undefined, i: number): string[] {
  const { domain, range } = frozen ?? {};
  const isStranger = domain && domain.length > 0 ? `CAST(${column} AS VARCHAR) NOT IN (${domain.map(textLiteral).join(', ')})` : undefined;
  return [
    `count(${column}) AS present${i}`,
    `CAST(min(${column}) AS VARCHAR) AS low${i}`,
    `CAST(max(${column}) AS VARCHAR) AS high${i}`,
    ...(isStranger
      ? [`count(*) FILTER (${isStranger}) AS domain${i}`, `min(CAST(${column} AS VARCHAR)) FILTER (${isStranger}) AS stranger${i}`]
      : []),
    ...(range
      ? [
          `count(*) FILTER (CAST(${column} AS DOUBLE) < ${numberLiteral(range.min)} OR CAST(${column} AS DOUBLE) > ${numberLiteral(range.max)}) AS range${i}`,
        ]
      : []),
  ];
}

function missingValues({ spec, rows }: CheckContext, name: string, { missing }: ColumnCounts, frozen: FrozenColumn | undefined): Anomaly[] {
  const declared = spec.columns[name].maxMissing;
  const limit = declared ?? frozen?.maxMissing;
  if (limit === undefined || missing <= limit * rows) return [];
  return found(declared === undefined ? spec.expectations.schema.severity : 'error', {
    rule: 'missing-values',
    column: name,
    expected: `at most ${percent(limit)} missing (${declared === undefined ? 'the frozen schema' : `columns.${name}.maxMissing`})`,
    found: `${percent(missing / rows)}, ${missing} of ${rows} rows`,
    rows: missing,
  });
}

function constant(
  { spec, rows }: CheckContext,
  name: string,
  { isConstant, value, missing }: ColumnCounts,
  frozen: FrozenColumn | undefined,
): Anomaly[] {
  const isEmpty = missing === rows && frozen?.maxMissing !== 1;
  if (!isEmpty && (!isConstant || missing > 0)) return [];
  if (frozen?.constant) return [];
  return found(spec.expectations.constants.severity, {
    rule: 'constant-column',
    column: name,
    expected: 'values that differ, since a feature is made of it',
    found: isEmpty ? 'no value in any row' : `${JSON.stringify(value.slice(0, 60))} in every row`,
    rows,
  });
}

function strangers({ spec, rows }: CheckContext, name: string, counts: ColumnCounts, { domain, range }: FrozenColumn): Anomaly[] {
  const { severity, maxOutside } = spec.expectations.schema;
  const graded = (outside: number): CheckSeverity => (severity === 'off' ? 'off' : outside > maxOutside * rows ? severity : 'warn');
  const { outsideDomain, outsideRange, stranger } = counts;
  return [
    ...(outsideDomain > 0
      ? found(graded(outsideDomain), {
          rule: 'domain',
          column: name,
          expected: `one of the ${domain!.length} values of the frozen schema`,
          found: `new values, such as ${JSON.stringify(stranger.slice(0, 60))}, in ${outsideDomain} of ${rows} rows`,
          rows: outsideDomain,
        })
      : []),
    ...(outsideRange > 0
      ? found(graded(outsideRange), {
          rule: 'frozen-range',
          column: name,
          expected: `${range!.min} to ${range!.max}, the range of the frozen schema`,
          found: `values beyond it in ${outsideRange} of ${rows} rows`,
          rows: outsideRange,
        })
      : []),
  ];
}

function ownValue<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record && Object.hasOwn(record, key) ? record[key] : undefined;
}
