import type { SnapshotManifest } from '../../../contracts/dataset.js';
import { readColumn } from '../read/column-reading.js';
import type { DataSession } from '../duckdb-session.js';
import { type ExtremeColumn, type SuspiciousValue, suspiciousValues, valueText } from '../validate/extreme-values.js';
import { identifier, numberLiteral, textLiteral } from '../sql-quoting.js';
import type { ColumnFacts } from './column-facts.js';
import { percent } from './remark.js';
import type { UnusualValues, Writing } from './unusual-values.js';

/** Of one value so many ways to write it are looked for: `-9999`, `-9999.0`. */
const mostSpellings = 5;
const describedDistinct = 20;

/**
 * Numbers and times that are commonly written where there is none (−9999, 1900-01-01), and lie outside of a column's others.
 *
 * In delimited text they become marks of missing values where no other column has them, else a query takes them out of the
 * column alone. What is merely suspicious is left to the warning of the validation.
 *
 * @param session with the view `inspected`
 * @param columns without the target, whose codes mean what they say
 * @param writings columns that a query casts already, and whose values are left alone
 */
export async function sentinelValues(
  session: DataSession,
  columns: readonly ColumnFacts[],
  { typing, isDelimited, writings }: { typing: SnapshotManifest['typing']; isDelimited: boolean; writings: readonly Writing[] },
): Promise<UnusualValues> {
  const cast = new Set(writings.map(({ column }) => column));
  const looked = columns.flatMap(({ name, type, sourceType, distinct }) => {
    if (cast.has(name) || distinct < 2 || (type !== 'integer' && type !== 'float' && type !== 'timestamp')) return [];
    const reading = readColumn(name, type, sourceType, typing);
    if (!reading) return [];
    const kind: ExtremeColumn['kind'] = type === 'timestamp' ? 'time' : 'number';
    const value = kind === 'time' ? `epoch_ms(${reading.typed})` : reading.typed;
    return [{ name, kind, value, text: reading.text, isText: /^(VARCHAR|JSON)$/.test(sourceType) }];
  });
  if (looked.length === 0) return { markers: [], writings: [], remarks: [] };
  const found = await suspiciousValues(session, 'inspected', looked);
  const markers = new Set<string>();
  const casts: Writing[] = [];
  const remarks: string[] = [];
  for (const [i, { name, kind, value, text, isText }] of looked.entries()) {
    const known = found[i].filter(({ isWellKnown }) => isWellKnown);
    if (known.length === 0) continue;
    const isMark = known.map((mark) => `CAST(${value} AS DOUBLE) = ${numberLiteral(mark.value)}`).join(' OR ');
    const told = known.map((mark) => `${valueText(mark.value, kind)} (${percent(mark.rows / mark.present)})`).join(' and ');
    const described = `${told} in ${JSON.stringify(name)}, whose other values are ${valueText(known[0].others[0], kind)} to ${valueText(known[0].others[1], kind)}`;
    const spellings = isDelimited && isText ? await spellingsOf(session, text, isMark) : [];
    const others = columns.filter((facts) => facts.name !== name).map((facts) => facts.name);
    if (spellings.length > 0 && !(await isElsewhere(session, spellings, others))) {
      for (const spelling of spellings) markers.add(spelling);
      if (remarks.length < describedDistinct) remarks.push(`${described}: taken for missing.`);
    } else {
      const sql = withoutMarks(identifier(name), kind, isText, known);
      casts.push({ column: name, sql, description: `${told} where a value is missing` });
    }
  }
  return { markers: [...markers].sort(), writings: casts, remarks };
}

/** As somebody would write it by hand. */
function withoutMarks(column: string, kind: ExtremeColumn['kind'], isText: boolean, known: readonly SuspiciousValue[]): string {
  const type = kind === 'time' ? 'TIMESTAMP' : 'DOUBLE';
  const value = isText ? `TRY_CAST(${column} AS ${type})` : column;
  const marks = known.map((mark) => {
    const text = valueText(mark.value, kind);
    return kind === 'time' ? `TIMESTAMP ${textLiteral(text.replace('T', ' ').replace('Z', ''))}` : text;
  });
  return `CASE WHEN ${value} IN (${marks.join(', ')}) THEN NULL ELSE ${column} END`;
}

async function spellingsOf(session: DataSession, text: string, isMark: string): Promise<string[]> {
  const spelled = await session.rows(
    `SELECT ${text} AS spelling FROM inspected WHERE ${isMark} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT ${mostSpellings + 1}`,
  );
  return spelled.length > mostSpellings ? [] : spelled.map(({ spelling }) => String(spelling));
}

async function isElsewhere(session: DataSession, spellings: readonly string[], others: readonly string[]): Promise<boolean> {
  if (others.length === 0) return false;
  const among = spellings.map(textLiteral).join(', ');
  const [{ found }] = await session.rows(
    `SELECT count(*) AS found FROM inspected WHERE ${others.map((name) => `CAST(${identifier(name)} AS VARCHAR) IN (${among})`).join(' OR ')}`,
  );
  return Number(found) > 0;
}
