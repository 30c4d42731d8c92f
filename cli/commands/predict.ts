import type { Command } from 'commander';
import type { PredictOptions } from '../predict.js';

export function registerPredict(program: Command): void {
  program
    .command('predict')
    .description('ask the inference host for predictions')
    .argument('<model>', "the model's name")
    .argument('<json>', 'a row as a JSON object, several as an array, or - for standard input')
    .option('--model-version <version>', 'a version other than the champion')
    .option('--json', "print the host's answer as one JSON object")
    .addHelpText(
      'after',
      `
Examples:
  anneal predict flight-delay '{"date":"2001-06-01T18:05","origin":"ORD","destination":"SFO","distance":1846}'
  anneal predict flight-delay - --json < rows.json`,
    )
    .action(async (model: string, json: string, options: PredictOptions) => {
      const { predict } = await import('../predict.js');
      await predict(model, json, options);
    });
}
