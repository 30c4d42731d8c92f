import type { Command } from 'commander';

interface RejectOptions {
  readonly reason: string;
  readonly json?: boolean;
}

export function registerReject(program: Command): void {
  program
    .command('reject')
    .description('end a run that waits for approval without promoting its version')
    .argument('<run>', 'id of the run, or of its workflow')
    .requiredOption('--reason <text>', 'why; kept with the run')
    .option('--json', 'print the decision as one JSON object')
    .addHelpText('after', '\nExample:\n  anneal reject 20261123-214500-x7k2 --reason "worse on small airports"')
    .action(async (run: string, options: RejectOptions) => {
      const { decide } = await import('../decision.js');
      await decide(run, 'reject', options);
    });
}
