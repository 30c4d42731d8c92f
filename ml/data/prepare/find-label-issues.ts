import type { FindLabelIssuesInput, LabelIssue, LabelIssuesReport, LabelIssuesResult } from '../../../contracts/cross-validation.js';
import type { PreparedManifest } from '../../../contracts/dataset.js';
import { type ConfidentLearning, confidentLearning } from '../../evaluate/confident-learning.js';
import type { DataContext } from '../data-context.js';
import { withDataSession } from '../duckdb-session.js';
import { keepOutOfFold, type OutOfFold, readOutOfFold } from './out-of-fold.js';
import { sourceRows } from './suspect-rows.js';

/** A person looks at the first ones; the probabilities of all rows are kept beside the report. */
const maxIssues = 1000;
const maxPairs = 100;

/**
 * Rank the rows of the training and validation parts that are most likely mislabelled, by confident learning on what the
 * folds predict for the rows that they held out.
 *
 * Deterministic and safe to repeat: equal predictions give an equal report.
 *
 * @throws AnnealError `ArtifactCorrupt` when folds, predictions and rows do not fit together
 */
export async function findLabelIssues(input: FindLabelIssuesInput, context: DataContext): Promise<LabelIssuesResult> {
  const { store, onProgress } = context;
  const { classes } = await store.readJson<PreparedManifest>(input.prepared);
  return withDataSession(context, async (session) => {
    onProgress?.({ phase: 'out-of-fold predictions' });
    const rows = await readOutOfFold(session, input, classes.length, context);
    const learned = confidentLearning({ classes: classes.length, given: rows.given, probabilities: rows.probabilities });
    onProgress?.({ phase: 'label issues', totalRows: rows.row.length });
    const shown = learned.suspects.slice(0, maxIssues);
    const sources = await sourceRows(
      session,
      shown.map(({ row }) => rows.row[row]),
      input,
      context,
    );
    const report: LabelIssuesReport = {
      formatVersion: 1,
      rows: rows.row.length,
      found: learned.suspects.length,
      classes,
      thresholds: Object.fromEntries(
        classes.flatMap((name, k) => (Number.isNaN(learned.thresholds[k]) ? [] : [[name, rounded(learned.thresholds[k])]])),
      ),
      noise: noisePairs(learned, rows.given, classes),
      issues: shown.map(({ row, given, likely }): LabelIssue => {
        const at = row * classes.length;
        return {
          ...sources.get(rows.row[row])!,
          given: classes[given],
          likely: classes[likely],
          givenProbability: rounded(rows.probabilities[at + given]),
          likelyProbability: rounded(rows.probabilities[at + likely]),
        };
      }),
      outOfFold: await keepOutOfFold(session, rows, classes, context),
    };
    return { rows: report.found, share: report.found / report.rows, report: await store.putJson(report) };
  });
}

function noisePairs({ joint }: ConfidentLearning, given: OutOfFold['given'], classes: readonly string[]): LabelIssuesReport['noise'] {
  const totals = classes.map(() => 0);
  for (const label of given) totals[label]++;
  return joint
    .flatMap((row, i) =>
      row.map((rows, k) => ({ given: classes[i], likely: classes[k], rows: Math.round(rows), share: rounded(rows / totals[i]) })),
    )
    .filter(({ given: a, likely: b, rows }) => a !== b && rows > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, maxPairs);
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
