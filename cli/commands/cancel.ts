import type { Command } from 'commander';

export function registerCancel(program: Command): void {
  program
    .command('cancel')
    .description('end a run, whatever it does or waits for; what it has registered stays')
    .argument('<run>', 'id of the run, or of its workflow')
    .option('--json', 'print {"run","workflowId","state"}: cancelled, or cancelling while its stages still end')
    .addHelpText('after', '\nExample:\n  anneal cancel 20261123-214500-x7k2')
    .action(async (run: string, options: { readonly json?: boolean }) => {
      const { cancel } = await import('../cancel.js');
      await cancel(run, options);
    });
}
