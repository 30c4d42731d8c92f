import type { Command } from 'commander';
import { positiveInteger } from '../option-values.js';
import type { PromoteOptions } from '../promote.js';

export function registerPromote(program: Command): void {
  program
    .command('promote')
    .description('make a registered version the champion, whatever its gates said; returns when the hosts serve it')
    .argument('<model>', "the model's name")
    .argument('<version>', "the version's number")
    .option('--reason <text>', "why; kept in the model's history", 'promoted by hand')
    .option('--min-hosts <count>', 'hosts that must take it', positiveInteger, 1)
    .option('--json', 'print the result as one JSON object')
    .addHelpText('after', '\nExample:\n  anneal promote flight-delay 3 --reason "better on small airports"')
    .action(async (model: string, version: string, options: PromoteOptions) => {
      const { promote } = await import('../promote.js');
      await promote(model, version, options);
    });
}
