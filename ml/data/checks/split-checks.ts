import type { Anomaly } from '../../../contracts/dataset.js';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import { partColumn } from '../split/part-relation.js';
import { identifier } from '../sql-quoting.js';
import { jensenShannonDivergence, lInfinityDistance } from '../statistics/distances.js';
import { targetColumn } from '../target-column.js';
import { type CheckContext, found, percent } from './check-context.js';
import { sampleRows } from './clean-sample.js';
import { chanceDistance, chanceDivergence } from './drift-checks.js';

const partNames = ['training', 'validation', 'test'] as const;
/** Where fewer of the training rows than that are different ones, as in a survey with few answers, repeats are no leak. */
const mostlyRepeated = 0.3;

/** What can be done about copies on both sides, by how the rows are divided. */
const ways: Readonly<Record<PipelineSpec['split']['kind'], string>> = {
  random: 'give split.key or split by group or time, so that copies share a part',
  group: 'different groups hold copies of rows: remove them at the source, or group by what the copies have in common',
  time: 'later rows are copies of earlier ones: remove them at the source, or raise the limit where that is how the data are',
  column: 'the parts hold copies of rows: remove them at the source, or raise the limit where that is how the data are',
};

/** Rows and keys that occur in training and in validation or test, beyond `expectations.splitOverlap`. */
export async function splitOverlap(context: CheckContext): Promise<Anomaly[]> {
  const { spec, columns } = context;
  const { severity, key, max } = spec.expectations.splitOverlap;
  if (severity === 'off') return [];
  const present = new Set(columns.map(({ name }) => name));
  const features = [...new Set(Object.values(spec.features).map(({ column }) => column))].filter((name) => present.has(name));
  const anomalies: Anomaly[] = [];
  if (features.length > 0) {
    const names = [...features.map(identifier), targetColumn];
    const { shared, held, distinct } = await overlapOf(context, names);
    if (shared > max * held && distinct >= mostlyRepeated && !(await repeatsByChance(context, features)))
      anomalies.push(
        ...found(severity, {
          rule: 'split-overlap',
          expected: `at most ${percent(max)} of the rows of validation and test with the features and label of a training row (expectations.splitOverlap)`,
          found: `${percent(shared / held)}; ${ways[spec.split.kind]}`,
        }),
      );
  }
  if (key && key.every((name) => present.has(name))) {
    const { shared, held } = await overlapOf(context, key.map(identifier));
    if (shared > max * held)
      anomalies.push(
        ...found(severity, {
          rule: 'key-overlap',
          column: key.join(', '),
          expected: `at most ${percent(max)} of the rows of validation and test with a key that training has (expectations.splitOverlap)`,
          found: `${percent(shared / held)}; split by this key`,
        }),
      );
  }
  return anomalies;
}

/**
 * Whether rows of different groups or times must be alike now and then, since their features have few combinations: spread
 * evenly over all of these, the training rows would already hold more of them than the limit allows.
 */
async function repeatsByChance({ session, spec, sample, sampledRows, rows }: CheckContext, features: readonly string[]): Promise<boolean> {
  // Divided at random, equal rows can be kept together.
  if (spec.split.kind === 'random') return false;
  const counts = features.map((name, i) => `count(DISTINCT ${identifier(name)}) AS f${i}`);
  const [found] = await session.rows(`SELECT ${counts.join(', ')} FROM ${sample}`);
  // Of what differs in nearly every row, the rest has as many values more.
  const combinations = features.reduce((product, _, i) => {
    const distinct = Number(found[`f${i}`]);
    return product * Math.max(1, distinct > sampledRows / 2 ? (distinct * rows) / sampledRows : distinct);
  }, 1);
  return rows > spec.expectations.splitOverlap.max * combinations;
}

/** Of the rows whose content has one of the drawn hashes, so that all copies of a row are looked at or none. */
async function overlapOf({ session, clean, rows }: CheckContext, names: readonly string[]) {
  const stride = Math.max(1, Math.floor(rows / sampleRows));
  const [counted] = await session.rows(`
    WITH rows AS (SELECT hash(${names.join(', ')}) AS content, ${partColumn} AS part FROM ${clean}),
    contents AS (SELECT count(*) FILTER (part = 0) AS trained, count(*) FILTER (part > 0) AS held FROM rows WHERE content % ${stride} = 0 GROUP BY content)
    SELECT sum(held) FILTER (trained > 0) AS shared, sum(held) AS held, count(*) FILTER (trained > 0) AS contents, sum(trained) AS trained FROM contents`);
  return {
    shared: Number(counted.shared ?? 0),
    held: Number(counted.held ?? 0),
    distinct: Number(counted.contents ?? 0) / Math.max(1, Number(counted.trained ?? 0)),
  };
}

/** Distance of the target in validation and in test to that in training, beyond `expectations.targetDrift`. */
export async function targetDrift(context: CheckContext): Promise<Anomaly[]> {
  const { spec } = context;
  const { severity, max } = spec.expectations.targetDrift;
  if (severity === 'off') return [];
  const isRegression = spec.target.task === 'regression';
  const parts = isRegression ? await valueCounts(context) : await classCounts(context);
  return [1, 2].flatMap((part) => {
    const [train, other] = [parts[0], parts[part]];
    const [rows, otherRows] = [train, other].map((counts) => counts.reduce((sum, n) => sum + n, 0));
    if (rows === 0 || otherRows === 0) return [];
    const distance = isRegression ? jensenShannonDivergence(train, other) : lInfinityDistance(numbered(train), numbered(other));
    const chance = isRegression ? chanceDivergence(train.length, rows, otherRows) : chanceDistance(rows, otherRows);
    if (!(distance > max + chance)) return [];
    return found(severity, {
      rule: 'target-drift',
      column: spec.target.name,
      expected: `a target in ${partNames[part]} like that in training, ${isRegression ? 'Jensen–Shannon divergence' : 'L∞ distance'} at most ${max} (expectations.targetDrift)`,
      found: distance.toFixed(3),
    });
  });
}

/** Rows of each part by class, in one order. */
async function classCounts({ session, sample }: CheckContext): Promise<number[][]> {
  const groups = await session.rows(
    `SELECT ${[0, 1, 2].map((part) => `count(*) FILTER (${partColumn} = ${part}) AS part${part}`).join(', ')} FROM ${sample} GROUP BY ${targetColumn} ORDER BY ${targetColumn}`,
  );
  return [0, 1, 2].map((part) => groups.map((group) => Number(group[`part${part}`])));
}

/** Rows of each part by the tenths of the training part. */
async function valueCounts({ session, sample }: CheckContext): Promise<number[][]> {
  const levels = Array.from({ length: 9 }, (_, i) => (i + 1) / 10).join(', ');
  const [{ edges }] = await session.rows(
    `SELECT quantile_disc(${targetColumn}, [${levels}]) AS edges FROM ${sample} WHERE ${partColumn} = 0`,
  );
  if (!Array.isArray(edges)) return [[], [], []];
  const bins = `list_aggregate([CAST(${targetColumn} >= edge AS INTEGER) FOR edge IN [${(edges as number[]).map((edge) => `CAST('${edge}' AS DOUBLE)`).join(', ')}]], 'sum')`;
  const groups = await session.rows(
    `SELECT ${bins} AS bin, ${[0, 1, 2].map((part) => `count(*) FILTER (${partColumn} = ${part}) AS part${part}`).join(', ')} FROM ${sample} GROUP BY bin ORDER BY bin`,
  );
  return [0, 1, 2].map((part) => groups.map((group) => Number(group[`part${part}`])));
}

function numbered(counts: readonly number[]): Map<string, number> {
  return new Map(counts.map((n, i) => [String(i), n]));
}
