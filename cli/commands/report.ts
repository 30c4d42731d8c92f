import type { Command } from 'commander';

interface ReportOptions {
  readonly output?: string;
  readonly json?: boolean;
}

export function registerReport(program: Command): void {
  program
    .command('report')
    .description('write the data report of a run as a page of HTML: statistics, findings, quarantine')
    .argument('<run>', 'id of the run, or of its workflow')
    .option('-o, --output <file>', 'where to write it (default: <run>-data.html in this folder)')
    .option('--json', 'print the report as one JSON object instead')
    .addHelpText('after', '\nExamples:\n  anneal report 20261123-214500-x7k2\n  anneal report 20261123-214500-x7k2 --json | jq .anomalies')
    .action(async (run: string, options: ReportOptions) => {
      const { report } = await import('../report.js');
      await report(run, options);
    });
}
