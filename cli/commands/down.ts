import type { Command } from 'commander';

export function registerDown(program: Command): void {
  program
    .command('down')
    .description('stop the embedded stack in order; runs that are under way go on when it is up again')
    .option('--json', 'print {"stopped": true|false}')
    .addHelpText('after', '\nExamples:\n  anneal down\n  ANNEAL_HOME=.second anneal down')
    .action(async ({ json }: { readonly json?: boolean }) => {
      const [{ stopStack }, { commandSettings }, { printJson, printLine }] = await Promise.all([
        import('../stack/stop-stack.js'),
        import('../settings.js'),
        import('../output.js'),
      ]);
      const { home } = commandSettings();
      const outcome = await stopStack(home);
      if (json) printJson({ stopped: outcome !== 'none', home });
      else if (outcome === 'stopped') printLine('The stack is stopped.');
      else if (outcome === 'cleaned') printLine('The stack had been killed; what was left of it is ended now.');
      else printLine(`No stack runs in ${home}. "anneal up" starts one.`);
    });
}
