import type { Anomaly, ValidationReport } from '../../../contracts/dataset.js';
import { labelsOf, type PipelineSpec } from '../../../contracts/pipeline.js';
import { largestSquarable } from '../largest-squarable.js';
import type { DataSession } from '../duckdb-session.js';
import { shortList } from './row-rules.js';
import { labelSumsSql, targetColumn } from '../target-column.js';

/** A report that lists more classes than this helps nobody. */
const maxClasses = 1000;

/**
 * Look at the target of the clean rows.
 *
 * @param relation name of a view of the clean rows with the target as `__target`
 * @param rows how many clean rows there are, at least 1
 */
export async function checkTarget(
  session: DataSession,
  relation: string,
  spec: PipelineSpec,
): Promise<{ readonly summary: ValidationReport['target']; readonly anomalies: Anomaly[] }> {
  const { target } = spec;
  if (target.task === 'regression') {
    const squarable = `FILTER (abs(${targetColumn}) < ${largestSquarable})`;
    const [found] = await session.rows(
      `SELECT avg(${targetColumn}) ${squarable} AS mean, stddev_pop(${targetColumn}) ${squarable} AS deviation, min(${targetColumn}) AS low, max(${targetColumn}) AS high FROM ${relation}`,
    );
    const summary = {
      mean: Number(Number(found.mean).toPrecision(12)),
      standardDeviation: Number(Number(found.deviation).toPrecision(12)),
    };
    return { summary, anomalies: numberAnomalies(target.name, found) };
  }

  if (target.task === 'multilabel') {
    const names = labelsOf(target).map(([name]) => name);
    const [found] = await session.rows(`SELECT ${labelSumsSql(names.length)} FROM ${relation}`);
    const { counts, shares } = countLabels(names, found);
    return { summary: { classes: shares }, anomalies: labelAnomalies(counts, target.name, spec.expectations.minRowsPerClass) };
  }

  const found = await session.rows(
    `SELECT CAST(${targetColumn} AS VARCHAR) AS class, count(*) AS rows FROM ${relation} GROUP BY ${targetColumn} ORDER BY 2 DESC, 1 LIMIT ${maxClasses}`,
  );
  const counts = new Map<string, number>();
  if (target.task === 'binary') for (const name of target.classes) counts.set(name, 0);
  for (const { class: value, rows } of found) {
    const name = target.task === 'binary' ? target.classes[value === 'true' ? 1 : 0] : String(value);
    counts.set(name, Number(rows));
  }
  const total = [...counts.values()].reduce((sum, rows) => sum + rows, 0);
  const summary = { classes: Object.fromEntries([...counts].map(([name, rows]) => [name, rows / total])) };
  return { summary, anomalies: classAnomalies(counts, target.name, spec.expectations.minRowsPerClass) };
}

/** So many of the numbers of 32 bits around its mean a target has to spread over, or what is learnt is how they are rounded. */
const leastSteps = 16;

/** @param found `mean`, `deviation`, `low` and `high` of the target */
function numberAnomalies(column: string, { mean, deviation, low, high }: Readonly<Record<string, unknown>>): Anomaly[] {
  const error = { severity: 'error', column } as const;
  if (low === high) return [{ ...error, rule: 'constant-target', expected: 'a target that varies', found: `${String(low)} in every row` }];
  const step = float32Step(Number(mean));
  if (Number(deviation) >= leastSteps * step) return [];
  const spread = `a deviation of ${Number(deviation).toPrecision(3)} around a mean of ${Number(mean).toPrecision(6)}`;
  return [
    {
      ...error,
      rule: 'target-precision',
      expected: `a spread of at least ${leastSteps * step}, ${leastSteps} times what tells numbers of 32 bits apart there`,
      found: spread,
    },
  ];
}

/** Distance from a number to the next one of 32 bits. */
function float32Step(value: number): number {
  const exponent = value === 0 ? -126 : Math.max(-126, Math.floor(Math.log2(Math.abs(value))));
  return 2 ** (exponent - 23);
}

interface LabelCounts {
  /** Rows with and without each label. */
  readonly counts: ReadonlyMap<string, readonly [number, number]>;
  readonly shares: Record<string, number>;
}

/** @param sums a row of `labelSumsSql` */
export function countLabels(names: readonly string[], sums: Readonly<Record<string, unknown>>): LabelCounts {
  const total = Number(sums.rows);
  const having = names.map((name, label) => [name, Number(sums[`label${label}`])] as const);
  return {
    counts: new Map(having.map(([name, rows]) => [name, [rows, total - rows]])),
    shares: Object.fromEntries(having.map(([name, rows]) => [name, rows / total])),
  };
}

/** Of each label, rows with it and rows without it can be too few to learn from. */
export function labelAnomalies(counts: LabelCounts['counts'], column: string, minRows: number): Anomaly[] {
  const rare = [...counts].filter(([, rows]) => Math.min(...rows) < minRows);
  if (rare.length === 0) return [];
  const [name, [having, lacking]] = rare[0];
  return [
    {
      severity: 'error',
      rule: 'few-rows-of-class',
      column,
      expected: `at least ${minRows} rows with each label and without it (expectations.minRowsPerClass)`,
      found: `${having} with and ${lacking} without the label ${JSON.stringify(name)}${rare.length > 1 ? `; too few of ${shortList(rare.map(([each]) => each))}` : ''}`,
    },
  ];
}

/** @param counts rows of each class that should be there */
export function classAnomalies(counts: ReadonlyMap<string, number>, column: string, minRowsPerClass: number): Anomaly[] {
  const present = [...counts].filter(([, rows]) => rows > 0);
  if (present.length === 1)
    return [
      {
        severity: 'error',
        rule: 'one-class',
        column,
        expected: 'at least two classes',
        found: `${JSON.stringify(present[0][0])} in every one of ${present[0][1]} rows`,
      },
    ];
  const rare = [...counts].filter(([, rows]) => rows < minRowsPerClass);
  if (rare.length === 0) return [];
  return [
    {
      severity: 'error',
      rule: 'few-rows-of-class',
      column,
      expected: `at least ${minRowsPerClass} rows of each class (expectations.minRowsPerClass)`,
      found: `${rare[0][1]} of class ${JSON.stringify(rare[0][0])}${rare.length > 1 ? `; too few of ${shortList(rare.map(([name]) => name))}` : ''}`,
    },
  ];
}
