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
    .option('--url <url>', 'the host, http://… or https://… (ANNEAL_INFERENCE_URL; default: that of the stack)')
    .option('--token-file <path>', 'a file with the token that the host wants (or the token itself in ANNEAL_INFERENCE_TOKEN)')
    .option('--ca <path>', "PEM file of the authority of the host's certificate (ANNEAL_INFERENCE_CA)")
    .option('--cert <path>', 'PEM file of a certificate of your own, where the host wants one (ANNEAL_INFERENCE_CERT)')
    .option('--key <path>', 'PEM file of its key (ANNEAL_INFERENCE_KEY)')
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
