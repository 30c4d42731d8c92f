import type { Command } from 'commander';
import { positiveInteger } from '../option-values.js';

interface LabelsOptions {
  readonly limit: number;
  readonly json?: boolean;
}

export function registerLabels(program: Command): void {
  program
    .command('labels')
    .description('list the rows of a run whose label is worth a look (crossValidation.labelIssues)')
    .argument('<run>', 'id of the run, or of its workflow')
    .option('-n, --limit <count>', 'at most so many rows', positiveInteger, 20)
    .option('--json', 'print the report, with at most so many rows, as one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  anneal labels 20261123-214500-x7k2\n  anneal labels 20261123-214500-x7k2 --limit 1000 --json | jq .issues',
    )
    .action(async (run: string, options: LabelsOptions) => {
      const { labels } = await import('../labels.js');
      await labels(run, options);
    });
}
