import { type Command, Option } from 'commander';
import type { InitOptions } from '../init.js';

export function registerInit(program: Command): void {
  program
    .command('init')
    .description('look at a data set and write a commented pipeline that runs as it is')
    .argument('<data...>', 'CSV, TSV, JSON, NDJSON, Parquet or Arrow: files, a folder, a pattern; or a folder of images for each class')
    .option('-t, --target <column>', 'the column to predict; of images, default: label, the name of the folder')
    .option('-n, --name <name>', 'name of the pipeline and its model; default: the file’s')
    .addOption(
      new Option('--task <task>', 'what to learn; default: by the values of the target').choices(['binary', 'multiclass', 'regression']),
    )
    .addOption(
      new Option('--format <format>', 'how to read the file; default: by names and content').choices([
        'csv',
        'tsv',
        'json',
        'ndjson',
        'parquet',
        'arrow',
      ]),
    )
    .option('-o, --output <path>', 'file to write; default: pipelines/<name>.ts')
    .option('--no-schema', 'write no frozen schema beside the pipeline')
    .option('--force', 'replace the files when they are there')
    .option('--json', 'print {"file","schema","pipeline","task","rows","features","leftOut","anomalies"} as one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  anneal init churn.csv --target churned
  anneal init data/sales.parquet --target revenue --name sales --task regression
  anneal init data/events/ --target bought            a folder, also one partitioned by key=value
  anneal init photos/                                 a folder of images for each class
  anneal init ./flowers.tsv --target species --output ./my-pipelines/flowers.ts`,
    )
    .action(async (data: string[], options: InitOptions) => {
      const { init } = await import('../init.js');
      await init(data, options);
    });
}
