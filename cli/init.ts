import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { Task } from '../contracts/pipeline.js';
import type { FileSource } from '../contracts/pipeline/source.js';
import { inferPipeline, type InferredPipeline } from '../ml/data/init/infer-pipeline.js';
import { inspectSource } from '../ml/data/init/inspect-source.js';
import { renderPipeline } from '../ml/data/init/render-pipeline.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { usageError } from './command-error.js';
import { count, printJson, printLine } from './output.js';
import { projectRoot } from './project-root.js';

export interface InitOptions {
  readonly target: string;
  readonly name?: string;
  readonly task?: Task;
  readonly format?: FileSource['format'];
  readonly output?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `anneal init`: look at a data set and write a pipeline for it. Nothing is written when that fails. */
export async function init(uri: string, { target, name, task, format, output, force, json }: InitOptions): Promise<void> {
  const pipeline = name ?? nameOf(uri);
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(pipeline))
    throw usageError(
      `"${pipeline}" cannot be the name of a pipeline. Give one with --name: lower-case letters, digits and hyphens, at most 63.`,
    );
  const file = resolve(output ?? join('pipelines', `${pipeline}.ts`));
  if (existsSync(file) && !force)
    throw usageError(`The file ${file} is there already. Give another --name or --output, or replace it with --force.`);
  const { source, rows, columns } = await inspectSource(
    { uri, format, column: target },
    process.cwd(),
    tmpdir(),
    (directory) => new FileArtifactStore(directory),
  );
  const inferred = inferPipeline({ name: pipeline, source: { ...source, uri: portable(uri) }, target, task, rows, columns });
  const text = renderPipeline(inferred, importPath(file), origin(uri, rows, columns.length));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text, { flag: force ? 'w' : 'wx' });
  const shown = relative(process.cwd(), file);
  if (json) printJson(report(inferred, shown, rows));
  else for (const line of summary(inferred, shown, rows)) printLine(line);
}

/** The name of a file without its endings, as a pipeline may be called. */
function nameOf(uri: string): string {
  return basename(uri.replace(/\/+$/, ''))
    .replace(/\..*$/, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);
}

/** A local path from the folder where the command is called, which is how pipelines are run. */
function portable(uri: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(uri)) return uri;
  return relative(process.cwd(), resolve(uri)).split(sep).join('/') + (uri.endsWith('/') ? '/' : '');
}

function importPath(file: string): string {
  const path = relative(dirname(file), join(projectRoot, 'contracts/pipeline.js')).split(sep).join('/');
  return path.startsWith('.') ? path : `./${path}`;
}

function origin(uri: string, rows: number, columns: number): string {
  return `Written by "anneal init" after a look at ${JSON.stringify(basename(uri))}: ${count(rows)} rows, ${columns} columns. Everything here is yours to change; docs/pipelines.md says what else there is.`;
}

function report({ definition, leftOut }: InferredPipeline, file: string, rows: number): object {
  return { file, pipeline: definition.name, task: definition.target.task, rows, features: Object.keys(definition.features), leftOut };
}

function summary({ definition, remarks, leftOut }: InferredPipeline, file: string, rows: number): string[] {
  const features = Object.keys(definition.features);
  return [
    `Wrote ${file}: ${definition.target.task} of "${definition.target.name}" from ${features.length} feature${features.length === 1 ? '' : 's'} and ${count(rows)} rows.`,
    `  target    ${remarks.get('target')}`,
    `  split     ${remarks.get('split')}`,
    `  features  ${features.join(', ')}`,
    ...leftOut.map(({ column, reason }) => `  not used  ${column}: ${reason}`),
    '',
    `Run it with "anneal run ${file} --wait".`,
  ];
}
