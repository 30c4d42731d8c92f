import type { Command } from 'commander';
import { figure } from '../../contracts/figure.js';
import { positiveInteger } from '../option-values.js';

interface RunsOptions {
  readonly pipeline?: string;
  readonly limit: number;
  readonly json?: boolean;
}

export function registerRuns(program: Command): void {
  program
    .command('runs')
    .description('list the runs, newest first')
    .option('-p, --pipeline <name>', 'only those of one pipeline')
    .option('-n, --limit <count>', 'at most so many', positiveInteger, 20)
    .option('--json', 'print {"runs": […]}')
    .addHelpText('after', '\nExamples:\n  anneal runs\n  anneal runs --pipeline flight-delay --limit 5 --json')
    .action(async ({ pipeline, limit, json }: RunsOptions) => {
      const [{ listRuns }, { withTemporal }, { commandSettings }, { count, duration, printJson, printLine, table, timestamp }] =
        await Promise.all([import('../runs.js'), import('../temporal.js'), import('../settings.js'), import('../output.js')]);
      const runs = await withTemporal(commandSettings(), (client) => listRuns(client, { pipeline, limit }));
      if (json) return printJson({ runs });
      if (runs.length === 0) return printLine('There are no runs yet. "anneal run flight-delay --wait" starts one.');
      const rows = runs.map((run) => [
        run.run,
        run.pipeline,
        run.state,
        run.stage && run.stage !== run.state ? run.stage : '–',
        run.modelVersion ?? '',
        figure(run.metric, ''),
        timestamp(Date.parse(run.startedAt)),
        run.durationMs === undefined ? '' : duration(run.durationMs),
      ]);
      for (const line of table(['RUN', 'PIPELINE', 'STATE', 'STAGE', 'VERSION', 'METRIC', 'STARTED (UTC)', 'TIME'], rows)) printLine(line);
      if (runs.length === limit) printLine(`The newest ${count(limit)}; --limit shows more.`);
    });
}
