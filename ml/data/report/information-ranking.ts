import type { ColumnStatistics } from '../../../contracts/dataset.js';
import { count, percent } from './format-figure.js';
import { type Html, html, shortText } from './html.js';

const mostRanked = 30;

/** The columns by what they tell about the target, most first; without those that the target is made of. */
export function informationRanking(statistics: readonly ColumnStatistics[]): Html | undefined {
  const ranked = statistics
    .flatMap(({ column, isTargetSource, mutualInformation }) =>
      mutualInformation && !isTargetSource ? [{ column, ...mutualInformation }] : [],
    )
    .toSorted((a, b) => b.nats - a.nats);
  if (ranked.length === 0) return undefined;
  const rows = ranked.slice(0, mostRanked).map(
    ({ column, nats, normalized }) =>
      html`<tr>
        <th scope="row">${shortText(column, 60)}</th>
        <td class="bars">
          <span class="meter"><span class="fill train" style="width:${(100 * normalized).toFixed(1)}%"></span></span>
        </td>
        <td class="n">${percent(normalized, 1)}</td>
        <td class="n">${nats.toFixed(4)}</td>
      </tr>`,
  );
  const more =
    ranked.length > mostRanked ? html`<p class="hint">and ${count(ranked.length - mostRanked)} columns that tell less.</p>` : undefined;
  const sources = statistics.filter(({ isTargetSource }) => isTargetSource).map(({ column }) => column);
  const leftOut =
    sources.length > 0 ? html` The target itself is made of ${shortText(sources.join(', '), 160)}, which is left out.` : undefined;
  return html`<section>
    <h2>What the columns tell about the target</h2>
    <div class="card scroll">
      <p class="hint">
        Mutual information of each column alone with the target, in the training rows: numbers in 20 bins of equally many rows, entropies
        with the correction of Miller and Madow. A column that tells nearly all may be the target in disguise.${leftOut}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col" colspan="2">Share of the target's entropy</th>
            <th scope="col" class="n">Nats</th>
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
