import { type Command, InvalidArgumentError } from 'commander';
import { positiveInteger } from '../option-values.js';
import type { PredictionsOptions } from '../predictions.js';

export function registerPredictions(program: Command): void {
  program
    .command('predictions')
    .description('show what the inference hosts have logged of their predictions (ANNEAL_PREDICTION_LOG), newest first')
    .argument('<model>', "the model's name")
    .option('--since <time>', 'from this time on: an ISO date in UTC, or how long ago, e.g. 1h or 7d')
    .option('--until <time>', 'before this time')
    .option('--model-version <version>', 'those of one version')
    .option('--request-id <id>', 'those of one request (X-Request-Id)')
    .option(
      '--anomalous [score]',
      "rows that the model's policy took for anomalous (without one: from a score of 0.999 on), or whose anomaly score is at least so much",
      score,
    )
    .option('--degraded', 'rows that something else answered than the version: fallback, cache, prior')
    .option('-n, --limit <count>', 'at most so many rows (default: 20; of --output: all)', positiveInteger)
    .option('--format <form>', 'table, csv or jsonl', 'table')
    .option('-o, --output <file>', 'write all rows to a .parquet, .csv, .ndjson or .jsonl file, oldest first')
    .option('--json', 'print {"model","rows": […]}; with --output {"model","path","rows"}')
    .addHelpText(
      'after',
      `
Examples:
  anneal predictions flight-delay --since 1h
  anneal predictions flight-delay --anomalous --format jsonl --limit 1000
  anneal predictions flight-delay --request-id checkout-4711 --json
  anneal predictions flight-delay --since 7d --output week.parquet`,
    )
    .action(async (model: string, options: PredictionsOptions) => {
      const { predictions } = await import('../predictions.js');
      await predictions(model, options);
    });
}

function score(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('Give a number from 0 to 1, or the name of the model before --anomalous.');
  return value;
}
