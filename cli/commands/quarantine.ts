import type { Command } from 'commander';

interface QuarantineOptions {
  readonly output?: string;
  readonly json?: boolean;
}

export function registerQuarantine(program: Command): void {
  program
    .command('quarantine')
    .description('write the rows that the validation of a run took out, with the reason of each')
    .argument('<run>', 'id of the run, or of its workflow')
    .option('-o, --output <file>', 'a .csv, .ndjson or .parquet file (default: <run>-quarantine.csv in this folder)')
    .option('--json', 'print where they are and the reasons as one JSON object')
    .addHelpText('after', '\nExample:\n  anneal quarantine 20261123-214500-x7k2 --output bad-rows.csv')
    .action(async (run: string, options: QuarantineOptions) => {
      const { quarantine } = await import('../quarantine.js');
      await quarantine(run, options);
    });
}
