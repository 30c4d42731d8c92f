import { type ColumnFigures, type ColumnStatistics, quantileLevels } from '../../../contracts/dataset.js';
import { categoryBars } from './category-bars.js';
import { count, figure, percent, size, time } from './format-figure.js';
import { histogramSvg } from './histogram-svg.js';
import { type Html, html, shortText } from './html.js';
import { type ShownPart, shownSplits } from './split-figures.js';

const dayMs = 86_400_000;

/** All that is known of a column: missing values, distribution, figures of every split. */
export function columnCard(column: ColumnStatistics, badges: readonly Html[] = []): Html {
  const parts: ShownPart[] = [{ name: 'all', figures: column }, ...shownSplits(column).filter(({ name }) => name !== 'all')];
  const information = column.mutualInformation;
  const told = column.isTargetSource
    ? html`<span class="badge">the target is made of it</span>`
    : information
      ? html`<span
          class="badge"
          title="Mutual information with the target in the training rows: ${information.nats.toFixed(4)} nats, ${percent(information.normalized, 1)} of the target's entropy"
          >tells ${percent(information.normalized, 1)} of the target</span
        >`
      : undefined;
  const sampled =
    column.sampledRows === undefined
      ? undefined
      : html`<p class="hint">Distributions are of an even sample of ${count(column.sampledRows)} rows.</p>`;
  const categories = categoryBars(column);
  return html`<section class="card">
    <h3>${shortText(column.column, 80)} <span class="type">${column.type}</span>${told}${badges}</h3>
    ${missingBar(column)}${histogramSvg(column)}${categories}${figureTable(column, parts)}${sampled}
  </section> `;
}

function missingBar(column: ColumnStatistics): Html {
  if (column.missing === 0) return html`<p class="missing">no missing values</p>`;
  const share = ((100 * column.missing) / column.rows).toFixed(1);
  return html`<p class="missing">
    <span class="meter wide" aria-hidden="true"><span class="fill gap" style="width:${share}%"></span></span>
    ${percent(column.missing, column.rows)} missing (${count(column.missing)})
  </p>`;
}

function figureTable(column: ColumnStatistics, parts: readonly ShownPart[]): Html {
  const isTime = column.type === 'timestamp';
  // Four columns of times are as many as fit, by the day where the data are of months.
  const spanMs = (column.histogramEdges?.at(-1) ?? 0) - (column.histogramEdges?.[0] ?? 0);
  const number = isTime ? (value: number) => time(value, spanMs / 20) : figure;
  const bound = (value: number | string) =>
    typeof value === 'number' ? html`${figure(value)}` : shortText(isTime && spanMs > 60 * dayMs ? value.replace(/ .*$/, '') : value, 24);
  const lengths = (unit: (value: number) => string) => (found: ColumnFigures) =>
    found.length && html`${unit(found.length.min)} to ${unit(found.length.max)}, mean ${unit(found.length.mean)}`;
  const isText = column.type === 'string';
  const rows: [string, (figures: ColumnFigures) => Html | undefined][] = [
    ['rows', ({ rows: n }) => html`${count(n)}`],
    ['missing', ({ missing, rows: n }) => html`${percent(missing, n)}`],
    ['different values', ({ distinct }) => (distinct === undefined ? undefined : html`${count(distinct)}`)],
    ['zeros', ({ zeros, rows: n }) => (zeros === undefined ? undefined : html`${percent(zeros, n)}`)],
    ['mean', ({ mean }) => (mean === undefined ? undefined : html`${figure(mean)}`)],
    ['standard deviation', ({ standardDeviation }) => (standardDeviation === undefined ? undefined : html`${figure(standardDeviation)}`)],
    ['minimum', ({ min }) => (min === undefined ? undefined : bound(min))],
    ...quantileLevels.map((level, i): [string, (figures: ColumnFigures) => Html | undefined] => [
      level === 0.5 ? 'median' : `${level * 100} % quantile`,
      ({ quantiles }) => (quantiles ? html`${number(quantiles[i])}` : undefined),
    ]),
    ['maximum', ({ max }) => (max === undefined ? undefined : bound(max))],
    [isText ? 'characters' : 'size', lengths(isText ? figure : size)],
  ];
  const shown = rows.filter(([, cell]) => parts.some(({ figures }) => cell(figures) !== undefined));
  const head = parts.map(({ name }) => html`<th scope="col" class="n">${name}</th>`);
  const body = shown.map(
    ([name, cell]) =>
      html`<tr>
        <th scope="row">${name}</th>
        ${parts.map(({ figures }) => html`<td class="n">${cell(figures) ?? '–'}</td>`)}
      </tr>`,
  );
  return html`<div class="scroll">
    <table class="figures">
      <thead>
        <tr>
          <td></td>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div>`;
}
