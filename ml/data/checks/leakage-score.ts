import type { Task } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { targetColumn } from '../target-column.js';

/** What a feature alone achieves in the rows that it was not fitted on; absent when there are too few to say. */
export interface LeakageScore {
  readonly name: 'area under the ROC curve' | 'skill' | 'R² of ranks';
  readonly value: number;
}

/** Fewer rows to fit on or to score than that say nothing. */
const fewRows = 30;

/**
 * Fit the simplest model of one feature, the mean or the most frequent class of each of its values, on the training part,
 * and score it on the others. Values that training does not have get the overall mean, so an id scores like a guess.
 *
 * @param relation rows with `key` (the feature), `__target` and `part` (0 training, 1 and 2 the others)
 */
export function leakageScore(session: DataSession, relation: string, task: Task): Promise<LeakageScore | undefined> {
  if (task === 'binary') return areaUnderCurve(session, relation);
  // Of several labels, their combination.
  return task === 'regression' ? rankR2(session, relation) : skill(session, relation);
}

async function areaUnderCurve(session: DataSession, relation: string): Promise<LeakageScore | undefined> {
  const groups = await session.rows(`
    WITH keys AS (
      SELECT key, count(*) FILTER (part = 0) AS fitted, count(*) FILTER (part = 0 AND ${targetColumn}) AS "fittedTrue",
        count(*) FILTER (part > 0 AND ${targetColumn}) AS held_true, count(*) FILTER (part > 0 AND NOT ${targetColumn}) AS held_false
      FROM ${relation} GROUP BY key)
    SELECT CASE WHEN fitted > 0 THEN "fittedTrue" / fitted END AS score, sum(held_true) AS yes, sum(held_false) AS no,
      sum(fitted) AS fitted, sum("fittedTrue") AS "fittedTrue"
    FROM keys GROUP BY 1`);
  const rows = groups.map(({ score, yes, no, fitted, fittedTrue }) => ({
    score: score as number | null,
    yes: Number(yes),
    no: Number(no),
    fitted: Number(fitted),
    fittedTrue: Number(fittedTrue),
  }));
  const total = (of: 'yes' | 'no' | 'fitted' | 'fittedTrue') => rows.reduce((sum, row) => sum + row[of], 0);
  const [yes, no, fitted] = [total('yes'), total('no'), total('fitted')];
  if (fitted < fewRows || yes + no < fewRows || yes < 5 || no < 5) return undefined;
  const prior = total('fittedTrue') / fitted;
  const ordered = rows.map((row) => ({ ...row, score: row.score ?? prior })).sort((a, b) => a.score - b.score);
  let area = 0;
  let below = 0;
  for (let i = 0; i < ordered.length;) {
    let tied = { yes: 0, no: 0 };
    const { score } = ordered[i];
    for (; i < ordered.length && ordered[i].score === score; i++) tied = { yes: tied.yes + ordered[i].yes, no: tied.no + ordered[i].no };
    area += tied.yes * (below + tied.no / 2);
    below += tied.no;
  }
  return { name: 'area under the ROC curve', value: area / (yes * no) };
}

async function skill(session: DataSession, relation: string): Promise<LeakageScore | undefined> {
  const [counted] = await session.rows(`
    WITH counts AS (
      SELECT key, ${targetColumn} AS class, count(*) FILTER (part = 0) AS fitted, count(*) FILTER (part > 0) AS held
      FROM ${relation} WHERE part IS NOT NULL GROUP BY ALL),
    best AS (SELECT key, first(class ORDER BY fitted DESC, class) AS class FROM counts WHERE fitted > 0 GROUP BY key)
    SELECT sum(held) AS rows, sum(fitted) AS fitted,
      sum(held) FILTER (best.class = counts.class) AS hits,
      (SELECT max(n) FROM (SELECT sum(held) AS n FROM counts GROUP BY class)) AS base
    FROM counts LEFT JOIN best ON counts.key IS NOT DISTINCT FROM best.key`);
  const rows = Number(counted.rows);
  const base = Number(counted.base) / rows;
  if (!(rows >= fewRows) || Number(counted.fitted) < fewRows || base > 0.98) return undefined;
  return { name: 'skill', value: (Number(counted.hits ?? 0) / rows - base) / (1 - base) };
}

/** Of ranks, so that a feature that is any growing function of the target has 1. */
async function rankR2(session: DataSession, relation: string): Promise<LeakageScore | undefined> {
  const [scored] = await session.sequentially(() =>
    session.rows(`
    WITH ranked AS (SELECT key, part, rank() OVER (ORDER BY ${targetColumn}) AS y FROM ${relation} WHERE part IS NOT NULL),
    fitted AS (SELECT key, avg(y) AS score FROM ranked WHERE part = 0 GROUP BY key),
    held AS (SELECT y, coalesce(score, (SELECT avg(y) FROM ranked WHERE part = 0)) AS score
      FROM ranked LEFT JOIN fitted ON ranked.key IS NOT DISTINCT FROM fitted.key WHERE part > 0)
    SELECT count(*) AS rows, (SELECT count(*) FROM ranked WHERE part = 0) AS fitted, avg((y - score) * (y - score)) AS error, var_pop(y) AS variance FROM held`),
  );
  if (Number(scored.rows) < fewRows || Number(scored.fitted) < fewRows || !(Number(scored.variance) > 0)) return undefined;
  return { name: 'R² of ranks', value: 1 - Number(scored.error) / Number(scored.variance) };
}
