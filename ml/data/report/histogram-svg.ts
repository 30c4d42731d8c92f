import type { ColumnStatistics } from '../../../contracts/dataset.js';
import { figure, percent, time } from './format-figure.js';
import { type Html, html } from './html.js';
import { shownSplits } from './split-figures.js';

const width = 460;
const height = 150;
const plot = { left: 2, right: 2, top: 8, bottom: 20 };

/**
 * A histogram as SVG: training rows (or all rows) as bars, the other splits as lines over them, each as shares of its own rows.
 *
 * Bins are drawn equally wide, so that a wide one for what lies far out takes no more room than another.
 */
export function histogramSvg(column: ColumnStatistics): Html | undefined {
  const edges = column.histogramEdges;
  if (!edges) return undefined;
  const parts = shownSplits(column).flatMap(({ name, figures: { histogram } }) => {
    const total = histogram?.reduce((sum, rows) => sum + rows, 0) ?? 0;
    return histogram && total > 0 ? [{ name, shares: histogram.map((rows) => rows / total) }] : [];
  });
  if (parts.length === 0) return undefined;
  const bins = edges.length - 1;
  const highest = Math.max(...parts.flatMap(({ shares }) => shares));
  const binWidth = (width - plot.left - plot.right) / bins;
  const x = (bin: number) => round(plot.left + bin * binWidth);
  const y = (share: number) => round(height - plot.bottom - (share / highest) * (height - plot.top - plot.bottom));
  const [first, ...others] = parts;
  const bars = first.shares.map((share, bin) => {
    const each = parts.map(({ name, shares }) => `${name} ${percent(shares[bin], 1)}`).join(', ');
    return html`<rect
      class="bar ${first.name}"
      x="${x(bin)}"
      y="${y(share)}"
      width="${round(Math.max(0.5, binWidth - 1))}"
      height="${round(height - plot.bottom - y(share))}"
      ><title>${label(edges[bin], column)} to ${last(edges[bin + 1], column)}: ${each}</title></rect
    >`;
  });
  const lines = others.map(({ name, shares }) => {
    const steps = shares.map((share, bin) => `${bin === 0 ? 'M' : 'L'}${x(bin)} ${y(share)}H${x(bin + 1)}`).join('');
    return html`<path class="line ${name}" d="${steps}" />`;
  });
  const ticks = tickBins(bins).map((edge) => {
    const anchor = edge === 0 ? 'start' : edge === bins ? 'end' : 'middle';
    return html`<text x="${x(edge)}" y="${height - 5}" text-anchor="${anchor}"
      >${edge === bins ? last(edges[edge], column) : label(edges[edge], column)}</text
    >`;
  });
  const described = `Histogram of ${column.column.slice(0, 100)} in ${bins} bins from ${label(edges[0], column)} to ${last(edges[bins], column)}`;
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${described}">
    <line class="axis" x1="0" x2="${width}" y1="${height - plot.bottom + 0.5}" y2="${height - plot.bottom + 0.5}" />
    ${bars}${lines}${ticks}
  </svg>`;
}

/** The ends, and two between them when there is room. */
function tickBins(bins: number): number[] {
  return bins < 6 ? [0, bins] : [0, Math.round(bins / 3), Math.round((2 * bins) / 3), bins];
}

/** Where a bin begins; of integers, the first one in it. */
function label(edge: number, { type, histogramEdges }: ColumnStatistics): string {
  if (type !== 'timestamp') return figure(type === 'integer' ? Math.ceil(edge) : edge);
  return time(edge, histogramEdges![histogramEdges!.length - 1] - histogramEdges![0]);
}

/** Where a bin ends; of integers, the last one in it. */
function last(edge: number, column: ColumnStatistics): string {
  return column.type === 'integer' ? figure(Math.floor(edge)) : label(edge, column);
}

function round(value: number): number {
  return Number(value.toFixed(1));
}
