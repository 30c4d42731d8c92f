import type { Anomaly, ColumnStatistics, ValidationReport } from '../../../contracts/dataset.js';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import { columnCard } from './column-card.js';
import { columnSummary } from './column-summary.js';
import { Html, html, within } from './html.js';
import { informationRanking } from './information-ranking.js';
import { findings, overview, quarantine, targetCard } from './overview.js';
import { style } from './style.js';

/** More cards would make the page slow to open; one is about 12 kB. */
const mostCards = 80;
const cardsLength = 1_000_000;

/**
 * The page that shows a data set: overview, findings, quarantine, target, and a card for each column.
 *
 * Pure: equal reports give equal pages. One file of HTML without script and without a request to anywhere; every value is
 * escaped. At most about 2 MB: of many columns, those with findings and those that tell most about the target have a
 * card, the others a line.
 */
export function renderDataReport(report: ValidationReport, spec: PipelineSpec): string {
  const interesting = mostInteresting(report);
  const drawn = interesting.map((column) => columnCard(column, badgesOf(column, report.anomalies)));
  const shown = new Map(within(cardsLength, drawn).map((card, i) => [interesting[i], card]));
  const cards = report.statistics.map((column) => shown.get(column)).filter((card) => card !== undefined);
  const others = report.statistics.filter((column) => !shown.has(column));
  const columns =
    cards.length === 0
      ? undefined
      : html`<section>
          <h2>Columns</h2>
          <div class="grid">${cards}</div>
        </section>`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${spec.name}: the data</title>
        <style>
          ${new Html(style)}
        </style>
      </head>
      <body>
        <main>
          ${overview(report, spec)}${findings(report.anomalies)}${quarantine(report)}${targetCard(report.targetStatistics, spec)}${informationRanking(report.statistics)}${columns}${columnSummary(others)}
        </main>
      </body>
    </html> `.markup;
}

function mostInteresting({ statistics, anomalies }: ValidationReport): readonly ColumnStatistics[] {
  if (statistics.length <= mostCards) return statistics;
  const found = new Set(anomalies.map(({ column }) => column));
  const interest = (column: ColumnStatistics) => (found.has(column.column) ? 10 : 0) + (column.mutualInformation?.normalized ?? 0);
  return statistics.toSorted((a, b) => interest(b) - interest(a)).slice(0, mostCards);
}

function badgesOf({ column }: ColumnStatistics, anomalies: readonly Anomaly[]): Html[] {
  const rules = new Map<string, Anomaly>();
  for (const anomaly of anomalies) if (anomaly.column === column) rules.set(anomaly.rule, anomaly);
  return [...rules.values()].map(({ rule, severity }) => html`<span class="badge ${severity}">${rule}</span>`);
}
