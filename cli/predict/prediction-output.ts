import type { Prediction } from '../../contracts/serving.js';
import { printLine, table } from '../output.js';

export const predictionOutputs = ['text', 'table', 'csv', 'jsonl'] as const;
export type PredictionOutput = (typeof predictionOutputs)[number];

/** Writes predictions as they come, in their order. */
export interface PredictionWriter {
  write(predictions: readonly Prediction[]): void;
  /** After the last one. */
  end(): void;
}

export function predictionWriter(output: PredictionOutput): PredictionWriter {
  switch (output) {
    case 'text':
      return { write: (predictions) => predictions.forEach((prediction) => printLine(predictionText(prediction))), end: () => undefined };
    case 'jsonl':
      return { write: (predictions) => predictions.forEach((prediction) => printLine(JSON.stringify(prediction))), end: () => undefined };
    case 'csv': {
      let hasHeader = false;
      return {
        write: (predictions) => {
          for (const prediction of predictions) {
            const cells = cellsOf(prediction);
            if (!hasHeader) printLine(Object.keys(cells).map(csvCell).join(','));
            hasHeader = true;
            printLine(Object.values(cells).map(csvCell).join(','));
          }
        },
        end: () => undefined,
      };
    }
    case 'table': {
      // The widths of its columns are those of all rows.
      const rows: Readonly<Record<string, string>>[] = [];
      return {
        write: (predictions) => rows.push(...predictions.map(cellsOf)),
        end: () => {
          if (rows.length === 0) return;
          const names = Object.keys(rows[0]);
          const cells = rows.map((row, i) => [String(i + 1), ...names.map((name) => row[name] ?? '')]);
          for (const line of table(['ROW', ...names.map((name) => name.toUpperCase())], cells)) printLine(line);
        },
      };
    }
  }
}

/** The columns that a batch job writes. */
function cellsOf(prediction: Prediction): Record<string, string> {
  const { anomaly } = prediction;
  return { ...predictedCells(prediction), ...(anomaly === undefined ? {} : { anomaly: String(anomaly) }) };
}

function predictedCells({ label, labels, probability, probabilities = {}, value, quantiles = {} }: Prediction): Record<string, string> {
  if (labels)
    return Object.fromEntries([
      ...Object.entries(labels).map(([name, is]) => [`label_${name}`, String(is)]),
      ...Object.entries(probabilities).map(([name, share]) => [`probability_${name}`, String(share)]),
    ]) as Record<string, string>;
  if (value !== undefined)
    return {
      prediction: String(value),
      ...Object.fromEntries(Object.entries(quantiles).map(([quantile, at]) => [`quantile_${quantile}`, String(at)])),
    };
  return {
    prediction: label ?? '',
    ...(probability === undefined
      ? Object.fromEntries(Object.entries(probabilities).map(([name, share]) => [`probability_${name}`, String(share)]))
      : { probability: String(probability) }),
  };
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Classes whose probabilities are said. */
const shownClasses = 3;

/** `late (probability of on time 0.6915, of late 0.3085)`, the likeliest first; `12.4`; `12.4 (0.1: 3.2, 0.9: 30.5)`; the labels of a row, or `none` */
export function predictionText({ label = '', labels, probabilities, value, quantiles }: Prediction): string {
  if (labels) {
    const there = Object.entries(labels).filter(([, is]) => is);
    return there.length === 0 ? 'none' : there.map(([name]) => `${name} (probability ${probabilities?.[name]?.toFixed(4)})`).join(', ');
  }
  const others = Object.entries(quantiles ?? {}).filter(([quantile]) => quantile !== '0.5');
  const spread = others.map(([quantile, at]) => `${quantile}: ${at}`).join(', ');
  if (value !== undefined) return `${value}${spread === '' ? '' : ` (${spread})`}`;
  const ranked = Object.entries(probabilities ?? {}).toSorted(([, a], [, b]) => b - a);
  if (ranked.length === 0) return label;
  const shown = ranked.slice(0, shownClasses).map(([name, share]) => `of ${name} ${share.toFixed(4)}`);
  return `${label} (probability ${shown.join(', ')}${ranked.length > shownClasses ? ', …' : ''})`.trim();
}
