import type { ColumnStatistics } from '../../../contracts/dataset.js';
import { count, percent } from './format-figure.js';
import { type Html, html, shortText } from './html.js';
import { shownSplits } from './split-figures.js';

const listed = 10;

/**
 * The most frequent values as a table with a bar for each split.
 *
 * @param nameOf what a value is called, e.g. the class that a boolean stands for
 */
export function categoryBars(column: ColumnStatistics, nameOf: (value: string) => string = (value) => value): Html | undefined {
  const values = column.topValues?.slice(0, listed);
  if (!values || values.length === 0) return undefined;
  const parts = shownSplits(column);
  const rows = values.map(({ value, rows: all }, i) => {
    const shares = parts.map(({ name, figures }) => ({ name, rows: figures.topValues?.[i]?.rows ?? 0, of: figures.rows }));
    const bars = shares.map(({ name, rows: n, of }) => {
      const share = of > 0 ? Math.min(1, n / (column.sampledRows === undefined ? of : presentIn(column, name))) : 0;
      return html`<span class="meter" title="${name}: ${count(n)}"
        ><span class="fill ${name}" style="width:${(100 * share).toFixed(1)}%"></span
      ></span>`;
    });
    return html`<tr>
      <th scope="row">${value === '' ? html`<i>empty</i>` : shortText(nameOf(value), 32)}</th>
      <td class="bars">${bars}</td>
      <td class="n">${percent(all, column.sampledRows ?? column.rows)}</td>
      <td class="n">${count(all)}</td>
    </tr>`;
  });
  const rest = (column.distinct ?? values.length) - values.length;
  const more = rest > 0 ? html`<p class="hint">and ${count(rest)} more values</p>` : undefined;
  return html`<div class="scroll">
      <table class="top">
        <thead>
          <tr>
            <th scope="col">Value</th>
            <th scope="col">Share by split</th>
            <th scope="col" class="n">All rows</th>
            <th scope="col" class="n">Rows</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    ${more}`;
}

/** Rows of a sample are not known by split; what its listed values come to is close. */
function presentIn(column: ColumnStatistics, name: string): number {
  const figures = name === 'all' ? column : column.splits?.[name as 'train'];
  return Math.max(1, figures?.topValues?.reduce((sum, { rows }) => sum + rows, 0) ?? 1);
}
