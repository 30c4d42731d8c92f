import type { Command } from 'commander';
import type { PredictOptions } from '../predict.js';

export function registerPredict(program: Command): void {
  program
    .command('predict')
    .description('ask the inference host for predictions of rows that are given, lie in a file, or come through a pipe')
    .argument('<model>', "the model's name")
    .argument('[json]', 'a row as a JSON object, several as an array, or - for standard input')
    .option('--model-version <version>', 'a version other than the champion')
    .option('-f, --file <path>', 'rows of a CSV, TSV, JSON, JSON lines, Parquet or Arrow file')
    .option('--input-format <format>', 'parquet, csv, tsv, json, jsonl or arrow (default: by the name, or by the content of a pipe)')
    .option('--output <form>', 'text, table, csv or jsonl; a line for each row, in their order', 'text')
    .option('--json', "print the host's answer for all rows as one JSON object")
    .addHelpText(
      'after',
      `
Examples:
  anneal predict flight-delay '{"date":"2001-06-01T18:05","origin":"ORD","destination":"SFO","distance":1846}'
  anneal predict flight-delay --file flights.csv --output csv > predictions.csv
  cat flights.jsonl | anneal predict flight-delay --output jsonl`,
    )
    .action(async (model: string, json: string | undefined, options: PredictOptions) => {
      const { predict } = await import('../predict.js');
      await predict(model, json, options);
    });
}
