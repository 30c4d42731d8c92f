import type { Command } from 'commander';

export function registerModels(program: Command): void {
  program
    .command('models')
    .description('list the registered models: champion, challenger, and what serves')
    .option('--json', 'print {"models": […]}')
    .addHelpText('after', '\nExamples:\n  anneal models\n  anneal models --json')
    .action(async (options: { readonly json?: boolean }) => {
      const { models } = await import('../models.js');
      await models(options);
    });
}
