import colors from 'picocolors';
import type { LabelIssuesReport } from '../../contracts/cross-validation.js';
import { count, table } from '../output.js';

const maxPairs = 5;
const maxValue = 30;

/** Rows whose label is worth a look, for people: how many, between which classes, and the first ones as they came. */
export function labelIssuesView(report: LabelIssuesReport, limit: number): string[] {
  const { found, rows, noise, issues } = report;
  if (found === 0) return [`None of the labels of the ${count(rows)} rows of the training and validation parts stands out.`];
  const subject = found === 1 ? '1 row is' : `${count(found)} rows are`;
  const shown = issues.slice(0, limit);
  const columns = Object.keys(shown[0].values);
  const cells = shown.map(({ row, given, likely, givenProbability, likelyProbability, values }) => [
    `  ${row}`,
    `${given} ${colors.dim(givenProbability.toFixed(3))}`,
    `${colors.bold(likely)} ${colors.dim(likelyProbability.toFixed(3))}`,
    ...columns.map((name) => valueText(values[name])),
  ]);
  const pairs = noise
    .slice(0, maxPairs)
    .map(
      ({ given, likely, rows: some, share }) =>
        `    ${given} → ${likely}: about ${count(some)} rows, ${(share * 100).toPrecision(2)} % of ${given}`,
    );
  return [
    `${subject} worth a look, ${((found / rows) * 100).toPrecision(2)} % of the ${count(rows)} rows of the training and validation parts: the label may be wrong, and noisy outcomes look the same.`,
    ...(pairs.length > 0
      ? [
          `  Estimates by pair of classes${noise.length > maxPairs ? `, the ${maxPairs} with the largest shares` : ''}; they need not add up to ${count(found)}, since a row counts as worth a look only where the other class is the most probable:`,
        ]
      : []),
    ...pairs,
    '',
    ...table(['  ROW', 'GIVEN', 'LIKELY', ...columns], cells),
    ...(found > shown.length
      ? [
          `  The ${count(shown.length)} most suspicious; --limit shows more${found > issues.length ? `, at most ${count(issues.length)}` : ''}.`,
        ]
      : []),
  ];
}

function valueText(value: string | number | boolean | null): string {
  const text = String(value ?? '–');
  return text.length > maxValue ? `${text.slice(0, maxValue - 1)}…` : text;
}
