import type { Command } from 'commander';

interface RollbackOptions {
  readonly reason: string;
  readonly json?: boolean;
}

export function registerRollback(program: Command): void {
  program
    .command('rollback')
    .description('make the previous champion serve again')
    .argument('<model>', "the model's name")
    .option('--reason <text>', "why; kept in the model's history", 'rolled back by hand')
    .option('--json', 'print the result as one JSON object')
    .addHelpText('after', '\nExample:\n  anneal rollback flight-delay --reason "complaints since noon"')
    .action(async (model: string, options: RollbackOptions) => {
      const { rollback } = await import('../promote.js');
      await rollback(model, options);
    });
}
