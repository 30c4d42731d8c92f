import type { Command } from 'commander';
import { positiveInteger } from '../option-values.js';

export function registerBatches(program: Command): void {
  const batches = program
    .command('batches')
    .description('list the batch jobs, newest first; show or cancel one')
    .option('-m, --model <name>', 'only those of one model')
    .option('-n, --limit <count>', 'at most so many', positiveInteger, 20)
    .option('--json', 'print {"jobs": […]}')
    .addHelpText(
      'after',
      '\nExamples:\n  anneal batches --model flight-delay\n  anneal batches show monday\n  anneal batches cancel monday',
    )
    .action(async (options: { readonly model?: string; readonly limit: number; readonly json?: boolean }) => {
      const module = await import('../batches.js');
      await module.batches(options);
    });
  batches
    .command('show')
    .description('show a job: how far it is, or how it ended')
    .argument('<job>', 'name of the job, or id of its workflow')
    .option('-w, --wait', 'follow it to its end')
    .option('--json', 'print it as one JSON object')
    .action(async (job: string, _options: unknown, command: Command) => {
      const { showBatch } = await import('../batches.js');
      await showBatch(job, command.optsWithGlobals());
    });
  batches
    .command('cancel')
    .description('cancel a job; its finished parts stay, and it can go on under its name')
    .argument('<job>', 'name of the job, or id of its workflow')
    .option('--json', 'print one JSON object')
    .action(async (job: string, _options: unknown, command: Command) => {
      const { cancelBatch } = await import('../batches.js');
      await cancelBatch(job, command.optsWithGlobals());
    });
}
