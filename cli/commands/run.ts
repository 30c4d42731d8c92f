import type { Command } from 'commander';
import { collect } from '../option-values.js';
import type { RunOptions } from '../run.js';

export function registerRun(program: Command): void {
  program
    .command('run')
    .description('start a run of a pipeline')
    .argument('<pipeline>', 'name of a file in pipelines/, or the path of a file')
    .option('-w, --wait', 'show the progress and wait for the end; exits with 0 only when the version was promoted')
    .option('-s, --set <path=value>', 'replace a value of the definition (JSON, or else text); may be given several times', collect)
    .option('--since <time>', "begin of the source's window: an ISO date in UTC, or -7d, -24h; needs source.window.column in the pipeline")
    .option('--until <time>', "end of the source's window, exclusive")
    .option(
      '--json',
      'print one JSON object; with --wait at the end: {"run","status","model","version","metrics","trained","warnings","durationMs","links"}',
    )
    .addHelpText(
      'after',
      `
Examples:
  anneal run flight-delay --wait
  anneal run flight-delay --set training.epochs=2 --set sweep.trials=4
  anneal run flight-delay --set 'model.hidden=[64,32]' --set source.uri=./mine.parquet --wait --json
  anneal run ./pipelines/mine.ts --set promotion.approval=manual`,
    )
    .action(async (pipeline: string, options: RunOptions) => {
      const { run } = await import('../run.js');
      await run(pipeline, options);
    });
}
