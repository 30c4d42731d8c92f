import type { Command } from 'commander';

export function registerRecheck(program: Command): void {
  program
    .command('recheck')
    .description('let a run that waits for better data read its source again now')
    .argument('<run>', 'id of the run, or of its workflow')
    .option('--json', 'print what was asked as one JSON object')
    .addHelpText('after', '\nExample:\n  anneal recheck 20261123-214500-x7k2')
    .action(async (run: string, options: { readonly json?: boolean }) => {
      const { recheckSource } = await import('../data-decision.js');
      await recheckSource(run, options);
    });
}
