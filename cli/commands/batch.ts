import { type Command, InvalidArgumentError } from 'commander';
import type { BatchOptions } from '../batch.js';
import { collect, positiveInteger } from '../option-values.js';

export function registerBatch(program: Command): void {
  program
    .command('batch')
    .description('predict the rows of files with a model, and write them beside a manifest')
    .argument('<model>', "the model's name")
    .requiredOption('-i, --input <places...>', 'files, folders, patterns ("data/*.parquet") or s3://… with the columns of the model')
    .requiredOption('-o, --output <folder>', 'an empty or new folder that the data workers can write to, or s3://<bucket>/<prefix>')
    .option('--model-version <version>', 'number or alias of a version (default: what serves when the job begins)')
    .option('--format <format>', 'parquet, csv or jsonl', 'parquet')
    .option(
      '--input-format <format>',
      'parquet, csv, tsv, json, jsonl or arrow (default: by the name of the first place, or of the files in it)',
    )
    .option('--source <option=value>', "how the files are read, as a pipeline's source says it; may be given several times", collect)
    .option('--keep <columns>', 'columns of the input beside the predictions, by commas (default: all but images)')
    .option('--no-keep', 'the predictions alone')
    .option('--reject-out-of-range', 'reject rows beyond the ranges and categories that the pipeline declares')
    .option('--max-rejects <share>', 'share of the rows that may be rejected before the job fails', share, 1)
    .option('--job <name>', 'its name; an interrupted job goes on under it (default: a new one)')
    .option('--concurrency <n>', 'partitions at a time, as far as there are workers', positiveInteger, 4)
    .option('--partition-rows <n>', 'rows of a large Parquet file that are predicted at once', positiveInteger, 250_000)
    .option('-w, --wait', 'show the progress and wait for the end; exits with 0 only when the job is complete')
    .option('--json', 'print one JSON object; with --wait at the end')
    .addHelpText(
      'after',
      `
Examples:
  anneal batch flight-delay --input flights.parquet --output predictions --wait
  anneal batch flight-delay --input 'days/*.csv' --source 'delimiter=;' --output predictions --format csv --keep id
  anneal batch flight-delay --input s3://bucket/days/ --output /shared/predictions --job monday`,
    )
    .action(async (model: string, options: BatchOptions) => {
      const { batch } = await import('../batch.js');
      await batch(model, options);
    });
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidArgumentError('Give a share from 0 to 1, for example 0.05.');
  return value;
}
