import type { FileSource, NamedSource, SourceSpec } from '../../../contracts/pipeline/source.js';
import { identifier } from '../sql-quoting.js';
import type { UnusualValues } from './unusual-values.js';

/**
 * A source that reads unusual values as what they mean: `nullText` for marks of missing values, a query for numbers and
 * times that need a cast, and for a number of the row.
 *
 * Pure.
 *
 * @param rowNumber name of a column that numbers the rows, where one is needed
 * @returns the source itself when there is nothing to mend
 */
export function mendSource(
  source: FileSource,
  { markers, writings, remarks: told = [] }: UnusualValues,
  rowNumber?: string,
): { readonly source: SourceSpec; readonly remark?: string } {
  const isDelimited = source.format === 'csv' || source.format === 'tsv';
  const marked = isDelimited && markers.length > 0 ? { ...source, nullText: markers.length === 1 ? markers[0] : [...markers] } : source;
  const marks = marked === source ? [] : [`${markers.map((text) => JSON.stringify(text)).join(', ')}: a missing value.`];
  const remarks = [...marks, ...told];
  if (writings.length === 0 && rowNumber === undefined)
    return { source: marked, ...(remarks.length > 0 ? { remark: remarks.join(' ') } : {}) };
  const casts = writings.map(({ column, sql }) => `${sql} AS ${identifier(column)}`).join(', ');
  const casting = writings.map(({ column, description }) => `${JSON.stringify(column)} holds ${description}`);
  const columns = writings.length === 0 ? '*' : `* REPLACE (${casts})`;
  const numbered = rowNumber === undefined ? columns : `row_number() OVER () AS ${identifier(rowNumber)}, ${columns}`;
  return {
    source: { query: `SELECT ${numbered} FROM data`, sources: { data: marked as NamedSource } },
    remark: [
      ...remarks,
      ...(casting.length > 0 ? [`The query reads what would be read otherwise: ${casting.join('; ')}.`] : []),
      ...(rowNumber === undefined ? [] : [`It numbers the rows in ${JSON.stringify(rowNumber)}, since nothing else tells them apart.`]),
    ].join(' '),
  };
}
