import type { Command } from 'commander';
import { collect } from '../option-values.js';
import type { SchemaOptions } from '../schema.js';

export function registerSchema(program: Command): void {
  program
    .command('schema')
    .description('infer what the data of a pipeline are like, and compare it with the frozen schema beside its file')
    .argument('<pipeline>', 'name of a file in pipelines/, or the path of a file')
    .option('--from-run <run>', 'from what a run has validated; default: from the source, read now')
    .option('--write', 'write <pipeline>.schema.json')
    .option('--check', 'exit with 1 when the data are beyond the limits of the file, or it is not there')
    .option('--exact', 'with --check: exit with 1 when the file differs at all; with --from-run it always does')
    .option('-s, --set <path=value>', 'replace a value of the definition (JSON, or else text); may be given several times', collect)
    .option('--json', 'print the schema as one JSON object')
    .addHelpText(
      'after',
      `
Without --write and --check it prints what would change.

Examples:
  anneal schema flight-delay
  anneal schema flight-delay --write
  anneal schema flight-delay --check
  anneal schema flight-delay --from-run 20261123-214500-x7k2 --check`,
    )
    .action(async (pipeline: string, options: SchemaOptions) => {
      const { schema } = await import('../schema.js');
      await schema(pipeline, options);
    });
}
