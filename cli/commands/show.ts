import type { Command } from 'commander';

export function registerShow(program: Command): void {
  program
    .command('show')
    .description('show a run: stages, trials, metrics, gates, and where to look further')
    .argument('<run>', 'id of the run, or of its workflow')
    .option('-w, --wait', 'follow it to its end')
    .option('--json', 'print its status as one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  anneal show 20261123-214500-x7k2\n  anneal show pipeline/flight-delay/20261123-214500-x7k2 --json',
    )
    .action(async (run: string, options: { readonly wait?: boolean; readonly json?: boolean }) => {
      const { show } = await import('../show.js');
      await show(run, options);
    });
}
