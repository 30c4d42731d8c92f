import type { Anomaly } from '../../../contracts/dataset.js';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import { partColumn } from '../split/part-relation.js';
import { identifier } from '../sql-quoting.js';
import { targetColumn } from '../target-column.js';
import { type CheckContext, found } from './check-context.js';

const parts = ['training', 'validation', 'test'] as const;
/** A metric over fewer different rows says little, however many rows there are. */
const fewRows = 30;
const fewGroups = 5;
/** Rows that are hardly repeated are told of by the part's size itself. */
const copies = 3;

/**
 * Parts of a random or grouped split that hold few different rows, or groups, each many times: copies share a part, so that
 * validation and test may rest on a handful of them.
 */
export async function fewDistinctRows({ session, spec, columns, sample }: CheckContext): Promise<Anomaly[]> {
  const together = kept(spec, columns);
  if (!together) return [];
  const { names, least, what } = together;
  const groups = await session.rows(
    `SELECT ${partColumn} AS part, count(*) AS rows, count(DISTINCT hash(${names.join(', ')})) AS different FROM ${sample} WHERE ${partColumn} > 0 GROUP BY 1 ORDER BY 1`,
  );
  return groups.flatMap(({ part, rows, different }) => {
    if (Number(different) >= least || Number(rows) < copies * Number(different)) return [];
    const [count, name] = [Number(different), parts[Number(part)]];
    return found('warn', {
      rule: 'few-distinct-rows',
      expected: `at least ${least} different ${what} in ${name}, so that its metrics mean something`,
      found: `${count}, each ${Math.round(Number(rows) / count)} times on average; copies share a part. Give split.key columns that tell rows apart, or split by time or group`,
    });
  });
}

/** What the split keeps together; undefined where it does not look at that. */
function kept(
  { split, columns: declared }: PipelineSpec,
  present: CheckContext['columns'],
): { readonly names: readonly string[]; readonly least: number; readonly what: string } | undefined {
  if (split.kind === 'group') return { names: split.columns.map(identifier), least: fewGroups, what: 'groups' };
  if (split.kind !== 'random') return undefined;
  if (split.key) return { names: split.key.map(identifier), least: fewRows, what: `values of split.key` };
  // The sample has no images, which hardly repeat.
  if (Object.values(declared).some(({ type }) => type === 'image')) return undefined;
  return { names: [...present.map(({ name }) => identifier(name)), targetColumn], least: fewRows, what: 'rows' };
}
