import type { Anomaly, ColumnStatistics, ValidationReport } from '../../../contracts/dataset.js';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import { categoryBars } from './category-bars.js';
import { count, figure, percent } from './format-figure.js';
import { histogramSvg } from './histogram-svg.js';
import { type Html, html, shortText, within } from './html.js';
import { wayOut } from './way-out.js';

const mostFindings = 200;
const findingsLength = 300_000;
const mostReasons = 100;

/** What was found, how many rows there are and where they went. */
export function overview(report: ValidationReport, spec: PipelineSpec): Html {
  const errors = report.anomalies.filter(({ severity }) => severity === 'error').length;
  const warnings = report.anomalies.length - errors;
  const verdict = report.passed
    ? html`<span class="verdict ok">The data meet the expectations</span>`
    : html`<span class="verdict error">The data do not meet the expectations</span>`;
  const quarantined = report.quarantined.reduce((sum, { rows }) => sum + rows, 0);
  const splits = report.targetStatistics?.splits;
  const tiles: [string, string][] = [
    ['rows', count(report.rows)],
    ['columns', count(report.statistics.length)],
    [`quarantined (${percent(quarantined, report.rows)})`, count(quarantined)],
    ...(splits ? (['train', 'validation', 'test'] as const).map((name): [string, string] => [name, count(splits[name].rows)]) : []),
  ];
  return html`<header>
      <h1>${shortText(spec.name, 80)}: the data</h1>
      <p>${verdict}: ${plural(errors, 'error')}, ${plural(warnings, 'warning')}.</p>
      ${spec.description === undefined ? undefined : html`<p class="sub">${shortText(spec.description, 400)}</p>`}
    </header>
    <div class="tiles">${tiles.map(([name, value]) => html`<div class="tile"><b>${value}</b><span>${name}</span></div>`)}</div>
    ${legend(report)} `;
}

function plural(number: number, noun: string): string {
  return `${number === 0 ? 'no' : count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

function legend({ targetStatistics }: ValidationReport): Html | undefined {
  if (!targetStatistics?.splits) return undefined;
  const names = ['train', 'validation', 'test'].map((name) => html`<span style="--c:var(--${name})">${name}</span>`);
  return html`<p class="legend">${names}</p>`;
}

/** Findings of the validation, errors first, with the way out of each. */
export function findings(anomalies: readonly Anomaly[]): Html {
  if (anomalies.length === 0)
    return html`<section>
      <h2>Findings</h2>
      <p>None.</p>
    </section>`;
  const sorted = [...anomalies.filter(({ severity }) => severity === 'error'), ...anomalies.filter(({ severity }) => severity !== 'error')];
  const listed = sorted.slice(0, mostFindings).map((anomaly) => {
    const { severity, rule, column, expected, found } = anomaly;
    const name = severity === 'error' ? 'error' : 'warning';
    return html`<tr>
      <td class="severity ${severity}">${name}</td>
      <td>${column === undefined ? 'the data' : shortText(column, 60)}</td>
      <td>${rule}</td>
      <td>${shortText(expected, 160)}</td>
      <td>${shortText(found, 240)}</td>
      <td>${wayOut(anomaly)}</td>
    </tr> `;
  });
  const rows = within(findingsLength, listed);
  const more =
    sorted.length > rows.length
      ? html`<p class="hint">and ${count(sorted.length - rows.length)} more; the report in JSON has all of them.</p>`
      : undefined;
  return html`<section>
    <h2>Findings</h2>
    <div class="card scroll">
      <table class="findings">
        <thead>
          <tr>
            <th scope="col">Severity</th>
            <th scope="col">Column</th>
            <th scope="col">Rule</th>
            <th scope="col">Expected</th>
            <th scope="col">Found</th>
            <th scope="col">What to do</th>
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

/** Rows taken out, by the rule that they broke first. */
export function quarantine({ quarantined, rows: all }: ValidationReport): Html | undefined {
  if (quarantined.length === 0) return undefined;
  const rows = quarantined.slice(0, mostReasons).map(
    ({ reason, rows: n }) =>
      html`<tr>
        <th scope="row">${shortText(reason, 160)}</th>
        <td class="n">${count(n)}</td>
        <td class="n">${percent(n, all)}</td>
      </tr>`,
  );
  const more =
    quarantined.length > mostReasons ? html`<p class="hint">and ${count(quarantined.length - mostReasons)} more reasons.</p>` : undefined;
  return html`<section>
    <h2>Quarantine</h2>
    <div class="card scroll">
      <p class="hint">Each row is counted once, under the first rule that it broke.</p>
      <table>
        <thead>
          <tr>
            <th scope="col">Reason</th>
            <th scope="col" class="n">Rows</th>
            <th scope="col" class="n">Of all</th>
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

/** How the target is distributed, in each split. */
export function targetCard(target: ColumnStatistics | undefined, spec: PipelineSpec): Html | undefined {
  if (!target) return undefined;
  const { target: declared } = spec;
  const nameOf = declared.task === 'binary' ? (value: string) => declared.classes[value === 'true' ? 1 : 0] : undefined;
  const means = declared.task === 'regression' ? meansBySplit(target) : undefined;
  return html`<section>
    <h2>Target</h2>
    <div class="card" id="target">
      <h3>${shortText(target.column, 80)} <span class="type">${declared.task}</span></h3>
      ${declared.task === 'regression' ? histogramSvg(target) : categoryBars(target, nameOf)}${means}
    </div>
  </section> `;
}

function meansBySplit({ splits }: ColumnStatistics): Html | undefined {
  if (!splits) return undefined;
  const rows = (['train', 'validation', 'test'] as const).map((name) => {
    const { mean, standardDeviation } = splits[name];
    return html`<tr>
      <th scope="row">${name}</th>
      <td class="n">${mean === undefined ? '–' : figure(mean)}</td>
      <td class="n">${standardDeviation === undefined ? '–' : figure(standardDeviation)}</td>
    </tr>`;
  });
  return html`<table>
    <thead>
      <tr>
        <th scope="col">Split</th>
        <th scope="col" class="n">Mean</th>
        <th scope="col" class="n">Standard deviation</th>
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}
