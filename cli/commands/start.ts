import type { Command } from 'commander';
import { collect } from '../option-values.js';
import type { StartOptions } from '../start.js';

export function registerStart(program: Command): void {
  program
    .command('start')
    .description('bring the stack up, run a pipeline, show the result and a prediction, and stay up (what "npm start" does)')
    .argument('[pipeline]', 'name of a file in pipelines/, or the path of a file', 'flight-delay')
    .option('--exit', 'stop the stack when the job is done; exits with 0 only when the version was promoted and answered')
    .option('-s, --set <path=value>', 'replace a value of the definition; may be given several times', collect)
    .addHelpText(
      'after',
      '\nA run of the same pipeline that is not finished is taken up again.\n\nExamples:\n  npm start\n  npm start -- --exit\n  npm start -- penguins',
    )
    .action(async (pipeline: string, options: StartOptions) => {
      const { start } = await import('../start.js');
      await start(pipeline, options);
    });
}
