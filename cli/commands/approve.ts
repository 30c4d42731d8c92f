import type { Command } from 'commander';

interface ApproveOptions {
  readonly reason: string;
  readonly json?: boolean;
}

export function registerApprove(program: Command): void {
  program
    .command('approve')
    .description('promote the version of a run that waits for approval')
    .argument('<run>', 'id of the run, or of its workflow')
    .requiredOption('--reason <text>', 'why; kept with the run')
    .option('--json', 'print the decision as one JSON object')
    .addHelpText('after', '\nExample:\n  anneal approve 20261123-214500-x7k2 --reason "slices look fine"')
    .action(async (run: string, options: ApproveOptions) => {
      const { decide } = await import('../decision.js');
      await decide(run, 'approve', options);
    });
}
