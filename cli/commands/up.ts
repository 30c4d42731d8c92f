import type { Command } from 'commander';

interface UpOptions {
  readonly detach?: boolean;
  readonly supervise?: boolean;
  readonly json?: boolean;
}

export function registerUp(program: Command): void {
  program
    .command('up')
    .description('start the embedded stack: Temporal, MLflow, the workers and the inference host')
    .option('-d, --detach', 'return when everything is ready, and let the stack run on')
    .option('--json', 'print the state of the stack as one JSON object when it is ready')
    .addOption(program.createOption('--supervise', 'be the process behind --detach').hideHelp())
    .addHelpText(
      'after',
      `
Examples:
  anneal up                     in the foreground; Ctrl-C stops it
  anneal up --detach            in the background; "anneal down" stops it
  ANNEAL_HOME=.second ANNEAL_TEMPORAL_PORT=7300 ANNEAL_TEMPORAL_UI_PORT=8300 \\
  ANNEAL_MLFLOW_PORT=5100 ANNEAL_HTTP_PORT=8100 ANNEAL_GRPC_PORT=8101 anneal up -d      a second stack beside the first`,
    )
    .action(async (options: UpOptions) => {
      const { up } = await import('../stack/up.js');
      await up(options);
    });
}
