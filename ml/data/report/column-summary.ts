import type { ColumnStatistics } from '../../../contracts/dataset.js';
import { count, figure, percent } from './format-figure.js';
import { type Html, html, shortText, within } from './html.js';

const mostListed = 4000;
const longest = 500_000;

/** Columns that there is no room to show in full, a line for each. */
export function columnSummary(columns: readonly ColumnStatistics[]): Html | undefined {
  if (columns.length === 0) return undefined;
  const bound = (value: number | string | undefined) =>
    value === undefined ? '–' : typeof value === 'number' ? figure(value) : shortText(value, 24);
  const listed = columns.slice(0, mostListed).map(
    (column) =>
      html`<tr>
        <th scope="row">${shortText(column.column, 40)}</th>
        <td>${column.type}</td>
        <td class="n">${percent(column.missing, column.rows)}</td>
        <td class="n">${column.distinct === undefined ? '–' : count(column.distinct)}</td>
        <td class="n">${bound(column.min)}</td>
        <td class="n">${bound(column.max)}</td>
      </tr> `,
  );
  const rows = within(longest, listed);
  const more =
    columns.length > rows.length
      ? html`<p class="hint">and ${count(columns.length - rows.length)} more; the report in JSON has all of them.</p>`
      : undefined;
  return html`<section>
    <h2>Further columns</h2>
    <div class="card scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Type</th>
            <th scope="col" class="n">Missing</th>
            <th scope="col" class="n">Different</th>
            <th scope="col" class="n">Minimum</th>
            <th scope="col" class="n">Maximum</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
      ${more}
    </div>
  </section> `;
}
