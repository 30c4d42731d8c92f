import type { PipelineSpec, SplitSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { shortList } from '../validate/row-rules.js';
import type { splitNames } from './split-sql.js';
import { identifier } from '../sql-quoting.js';

/** Why a row belongs to no part. */
export function outsideReason(split: SplitSpec): string {
  switch (split.kind) {
    case 'time':
      return `${split.column} is outside the ranges of the split`;
    case 'column':
      return `${split.column} has a value that the split does not list`;
    case 'random':
    case 'group':
      return 'in no part of the split';
  }
}

/** What a part was expected to hold, for a message. */
export function partDescription(split: SplitSpec, part: (typeof splitNames)[number]): string {
  switch (split.kind) {
    case 'time':
      return `rows with ${split[part].from} ≤ ${split.column} < ${split[part].until}`;
    case 'column':
      return `rows with ${split.column} among ${shortList(split[part].map(String))}`;
    case 'random':
    case 'group': {
      const share = part === 'train' ? 1 - split.validation - split.test : split[part];
      const unit = split.kind === 'group' ? `groups of ${split.columns.join(', ')}` : 'rows';
      return `${(share * 100).toPrecision(3)} % of the ${unit}`;
    }
  }
}

/** What the rows hold instead, when a part is empty: the range of the times, the values, or how many groups there are. */
export async function foundInstead(
  session: DataSession,
  relation: string,
  { split, columns: specs }: Pick<PipelineSpec, 'split' | 'columns'>,
): Promise<string> {
  const declared = Object.keys(specs);
  switch (split.kind) {
    case 'time': {
      const column = identifier(split.column);
      const [range] = await session.rows(
        `SELECT CAST(min(${column}) AS VARCHAR) AS low, CAST(max(${column}) AS VARCHAR) AS high FROM ${relation}`,
      );
      return `none (the data go from ${String(range.low)} to ${String(range.high)})`;
    }
    case 'column': {
      const column = identifier(split.column);
      const values = await session.rows(
        `SELECT coalesce(CAST(${column} AS VARCHAR), '(missing)') AS v FROM ${relation} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 20`,
      );
      return `none (the values are ${shortList(values.map(({ v }) => v as string))})`;
    }
    case 'group': {
      const columns = split.columns.map(identifier).join(', ');
      const [{ groups }] = await session.rows(`SELECT count(*) AS groups FROM (SELECT 1 FROM ${relation} GROUP BY ${columns})`);
      return `none (there ${groups === 1n ? 'is one group' : `are ${String(groups)} groups`})`;
    }
    case 'random': {
      // Equal rows share a part, so few different ones may leave a part empty.
      const columns = (split.key ?? declared).map(identifier).join(', ');
      const [{ rows, kinds }] = await session.rows(`SELECT count(*) AS rows, count(DISTINCT hash(${columns})) AS kinds FROM ${relation}`);
      return `none (there are ${String(rows)} rows, ${kinds === rows ? 'all different' : `of ${String(kinds)} different ${split.key ? 'keys' : 'kinds'}, and equal ones share a part`})`;
    }
  }
}
