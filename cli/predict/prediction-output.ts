import type { Degradation, Prediction } from '../../contracts/serving.js';
import { csvCell } from '../csv-cell.js';
import { printLine, printNote, table } from '../output.js';
import type { AnsweredRow } from './answered-rows.js';

export const predictionOutputs = ['text', 'table', 'csv', 'jsonl'] as const;
export type PredictionOutput = (typeof predictionOutputs)[number];

/** Writes predictions as they come, in their order. */
export interface PredictionWriter {
  write(predictions: readonly AnsweredRow[]): void;
  /** After the last one. */
  end(): void;
}

export function predictionWriter(output: PredictionOutput): PredictionWriter {
  switch (output) {
    case 'text':
      return { write: (predictions) => predictions.forEach((prediction) => printLine(rowText(prediction))), end: () => undefined };
    case 'jsonl':
      return { write: (predictions) => predictions.forEach((prediction) => printLine(JSON.stringify(prediction))), end: () => undefined };
    case 'csv':
      return csvWriter();
    case 'table': {
      // The widths of its columns are those of all rows.
      const rows: Readonly<Record<string, string>>[] = [];
      let positive: string | undefined;
      const heading = (name: string): string =>
        name === 'probability' && positive !== undefined ? `PROBABILITY OF ${positive}` : name.toUpperCase();
      return {
        write: (predictions) => {
          for (const prediction of predictions) {
            rows.push(cellsOf(prediction));
            positive ??= positiveClass(prediction);
          }
        },
        end: () => {
          if (rows.length === 0) return;
          const names = namesOf(rows);
          const cells = rows.map((row, i) => [String(i + 1), ...names.map((name) => row[name] ?? '')]);
          for (const line of table(['ROW', ...names.map(heading)], cells)) printLine(line);
        },
      };
    }
  }
}

/** Its columns are those of the first rows; what degrades later, when the header is out, is said beside them. */
function csvWriter(): PredictionWriter {
  let names: readonly string[] | undefined;
  let written = 0;
  let isSaid = false;
  return {
    write: (predictions) => {
      const rows = predictions.map(cellsOf);
      if (!names) {
        names = namesOf(rows);
        printLine(names.map(csvCell).join(','));
      }
      for (const row of rows) printLine(names.map((name) => csvCell(row[name] ?? '')).join(','));
      const at = predictions.findIndex(({ degraded }) => degraded !== undefined);
      if (at >= 0 && !isSaid && !names.includes('degraded')) {
        isSaid = true;
        printNote(
          `Row ${written + at + 1} was ${answeredBy[predictions[at].degraded!]}, others may have been; --output jsonl says it of each row.`,
        );
      }
      written += rows.length;
    },
    end: () => undefined,
  };
}

/** Of all columns that a row has, `degraded` as the last. */
function namesOf(rows: readonly Readonly<Record<string, string>>[]): string[] {
  const names = new Set(rows.flatMap(Object.keys));
  const isDegraded = names.delete('degraded');
  return [...names, ...(isDegraded ? ['degraded'] : [])];
}

/** The columns that a batch job writes, and `degraded`. */
function cellsOf(prediction: AnsweredRow): Record<string, string> {
  const { anomaly, degraded } = prediction;
  return {
    ...predictedCells(prediction),
    ...(anomaly === undefined ? {} : { anomaly: String(anomaly) }),
    ...(degraded === undefined ? {} : { degraded }),
  };
}

function predictedCells({ label, labels, probability, probabilities = {}, value, quantiles = {} }: Prediction): Record<string, string> {
  const shares = Object.entries(probabilities).map(([name, share]) => [`probability_${name}`, String(share)]);
  if (labels)
    return Object.fromEntries([...Object.entries(labels).map(([name, is]) => [`label_${name}`, String(is)]), ...shares]) as Record<
      string,
      string
    >;
  if (value !== undefined)
    return {
      prediction: String(value),
      ...Object.fromEntries(Object.entries(quantiles).map(([quantile, at]) => [`quantile_${quantile}`, String(at)])),
    };
  return {
    prediction: label ?? '',
    ...(probability === undefined ? Object.fromEntries(shares) : { probability: String(probability) }),
  };
}

/** The class that `probability` speaks of; undefined where a row leaves it open, since both are as likely. */
function positiveClass({ probability, probabilities = {} }: Prediction): string | undefined {
  const classes = Object.entries(probabilities).filter(([, share]) => share === probability);
  return classes.length === 1 ? classes[0][0] : undefined;
}

const answeredBy: Readonly<Record<Degradation, string>> = {
  fallback: 'answered by the fallback model',
  cache: 'answered by the last answer to the same input',
  prior: 'answered by the training prior',
};

/** From here on a row is unlike the training rows, where the model's policy says nothing else; so is the default of `serving.anomaly`. */
const unlikeFrom = 0.999;

/** The prediction, and what is out of the ordinary about it: `late (…); answered by the training prior; unlike the training rows (anomaly 0.99999)` */
export function rowText(row: AnsweredRow): string {
  const { anomaly, anomalous, degraded } = row;
  const isUnlike = anomalous === true || (anomaly !== undefined && anomaly >= unlikeFrom);
  const score = anomaly === undefined ? '' : ` (anomaly ${Number(anomaly.toPrecision(5))})`;
  return [
    predictionText(row),
    ...(degraded === undefined ? [] : [answeredBy[degraded]]),
    ...(isUnlike ? [`unlike the training rows${score}`] : []),
  ].join('; ');
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
