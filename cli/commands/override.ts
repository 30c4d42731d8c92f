import type { Command } from 'commander';

interface OverrideOptions {
  readonly reason: string;
  readonly json?: boolean;
}

export function registerOverride(program: Command): void {
  program
    .command('override')
    .description('let a run go on with data that do not meet its expectations')
    .argument('<run>', 'id of the run, or of its workflow')
    .requiredOption('--reason <text>', 'why; kept with the run, in MLflow and with the model version')
    .option('--json', 'print the decision as one JSON object')
    .addHelpText('after', '\nExample:\n  anneal override 20261123-214500-x7k2 --reason "the gap is the strike in May"')
    .action(async (run: string, options: OverrideOptions) => {
      const { overrideValidation } = await import('../data-decision.js');
      await overrideValidation(run, options);
    });
}
