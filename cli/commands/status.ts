import type { Command } from 'commander';

export function registerStatus(program: Command): void {
  program
    .command('status')
    .description('show which parts of the stack run, and where')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExits with 0 when everything answers, with 1 otherwise.\n\nExamples:\n  anneal status\n  anneal status --json')
    .action(async ({ json }: { readonly json?: boolean }) => {
      const [{ readStackStatus, statusLines }, { commandSettings }, { printJson, printLine }] = await Promise.all([
        import('../stack/status.js'),
        import('../settings.js'),
        import('../output.js'),
      ]);
      const status = await readStackStatus(commandSettings());
      if (json) printJson(status);
      else for (const line of statusLines(status)) printLine(line);
      if (!status.healthy) process.exitCode = 1;
    });
}
