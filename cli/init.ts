import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import type { Task } from '../ml/data/init/choose-target.js';
import type { FileSource } from '../contracts/pipeline/source.js';
import type { DataContext } from '../ml/data/data-context.js';
import { draftPipeline, type DraftedPipeline } from '../ml/data/init/draft-pipeline.js';
import { renderPipeline } from '../ml/data/init/render-pipeline.js';
import { makeFolder } from '../ml/make-folder.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { openRemoteFiles } from '../stores/open-remote-files.js';
import { usageError } from './command-error.js';
import { count, printJson, printLine, printNote } from './output.js';
import { projectRoot } from './project-root.js';
import { formatSchema, schemaPath } from './schema-file.js';
import { commandSettings } from './settings.js';
import { sourceLine } from './source-line.js';

export interface InitOptions {
  /** Images need none: their folders are the classes. */
  readonly target?: string;
  readonly name?: string;
  readonly task?: Task;
  readonly format?: FileSource['format'];
  readonly output?: string;
  readonly force?: boolean;
  /** Whether to write the frozen schema too. @default true */
  readonly schema?: boolean;
  readonly json?: boolean;
}

/** `anneal init`: look at a data set and write a pipeline for it, with its frozen schema. Nothing is written when that fails. */
export async function init(
  places: readonly string[],
  { target, name, task, format, output, force, json, schema = true }: InitOptions,
): Promise<void> {
  const pipeline = name ?? nameOf(places[0]);
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(pipeline))
    throw usageError(
      `"${pipeline}" cannot be the name of a pipeline. Give one with --name: lower-case letters, digits and hyphens, at most 63.`,
    );
  const file = resolve(output ?? join('pipelines', `${pipeline}.ts`));
  const frozen = schemaPath(file);
  for (const path of schema ? [file, frozen] : [file])
    if (existsSync(path) && !force)
      throw usageError(`The file ${path} is there already. Give another --name or --output, or replace it with --force.`);
  const remote = places.some((place) => place.startsWith('s3:')) ? openRemoteFiles(commandSettings().s3) : undefined;
  const drafted = await draftPipeline(
    { name: pipeline, places, format, target, task },
    process.cwd(),
    tmpdir(),
    (directory) => new FileArtifactStore(directory),
    portable,
    remote,
    tellOfSlowSteps(),
  ).catch((error: unknown) => {
    if (target === undefined && error instanceof AnnealError && error.type === failureTypes.invalidPipeline)
      throw usageError(error.message);
    throw error;
  });
  const text = renderPipeline(drafted, importPath(file), origin(places, drafted));
  await makeFolder(dirname(file));
  await writeFile(file, text, { flag: force ? 'w' : 'wx' });
  const hasSchema = schema && drafted.schema !== undefined;
  if (hasSchema) await writeFile(frozen, formatSchema(drafted.schema));
  const shown = { file: shownPath(file), ...(hasSchema ? { schema: shownPath(frozen) } : {}) };
  if (json) printJson(report(drafted, shown));
  else for (const line of summary(drafted, shown)) printLine(line);
}

/** A look at little data is over before anybody wonders. */
const silentMs = 2000;

/** Say on stderr what a look at large data is about, a line for each step. */
function tellOfSlowSteps(): NonNullable<DataContext['onProgress']> {
  const startedAt = performance.now();
  let step = '';
  let told = '';
  const tell = (): void => {
    if (step !== told) printNote(step);
    told = step;
  };
  setTimeout(tell, silentMs).unref();
  return ({ phase, totalRows }) => {
    step = `  looks at  ${phase}${totalRows === undefined ? '' : ` (${count(totalRows)} rows)`}`;
    if (performance.now() - startedAt >= silentMs) tell();
  };
}

interface Written {
  readonly file: string;
  /** Absent where none was written. */
  readonly schema?: string;
}

/** The name of a file or a folder without its endings, as a pipeline may be called. */
function nameOf(place: string): string {
  // Of a pattern, the folder that it begins with.
  const named = /[*?[{]/.test(basename(place)) ? place.replace(/\/?[^/]*[*?[{].*$/, '') : place;
  return basename(resolve(named.replace(/\/+$/, '')))
    .replace(/\..*$/, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);
}

/** A path into the folder where the command is called, which is how pipelines are run, from there; others as they are written. */
function portable(uri: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(uri)) return uri;
  const path = relative(process.cwd(), resolve(uri)).split(sep).join('/');
  if (path === '..' || path.startsWith('../') || isAbsolute(path)) return uri;
  return `${path === '' ? '.' : path}${uri.endsWith('/') ? '/' : ''}`;
}

/** From where the command is called; of a file outside of that folder the absolute path, which is shorter than the way up and down. */
function shownPath(file: string): string {
  const path = relative(process.cwd(), file);
  return path.split(sep)[0] === '..' ? file : path;
}

function importPath(file: string): string {
  const path = relative(dirname(file), join(projectRoot, 'contracts/pipeline.js')).split(sep).join('/');
  return path.startsWith('.') ? path : `./${path}`;
}

function origin(places: readonly string[], { rows, columnCount }: DraftedPipeline): string {
  const more = places.length > 1 ? ` and ${places.length - 1} more` : '';
  return `Written by "anneal init" after a look at ${JSON.stringify(basename(places[0]))}${more}: ${count(rows)} rows, ${columnCount} columns. Everything here is yours to change; docs/pipelines.md says what else there is.`;
}

function report({ definition, leftOut, rows, anomalies }: DraftedPipeline, written: Written): object {
  const { name, target, features } = definition;
  return { ...written, pipeline: name, task: target.task, rows, features: Object.keys(features), leftOut, anomalies };
}

/** A line for each would hide the rest of a wide table. */
const shownColumns = 30;

function summary({ definition, remarks, leftOut, rows, notes, anomalies, unfit }: DraftedPipeline, { file, schema }: Written): string[] {
  const features = Object.keys(definition.features);
  const source = remarks.get('source');
  const more = leftOut.length - shownColumns;
  return [
    `Wrote ${file}: ${definition.target.task} of "${definition.target.name}" from ${features.length} feature${features.length === 1 ? '' : 's'} and ${count(rows)} rows.`,
    `  source    ${sourceLine(definition.source)}${source === undefined ? '' : `. ${source}`}`,
    `  target    ${remarks.get('target')}`,
    `  split     ${remarks.get('split')}`,
    `  features  ${features.slice(0, shownColumns).join(', ')}${features.length > shownColumns ? ` and ${features.length - shownColumns} more` : ''}`,
    ...leftOut.slice(0, shownColumns).map(({ column, reason }) => `  not used  ${column}: ${reason}`),
    ...(more > 0 ? [`  not used  ${more} more; the file lists them`] : []),
    ...notes.map((note) => `  warns     ${note}`),
    ...anomalies.map(({ severity, rule, column, found }) => {
      const says = severity === 'error' ? 'the run will stop' : 'the run will warn';
      return `  ${severity === 'error' ? 'stops   ' : 'warns   '}  ${says}: ${column === undefined ? '' : `${column}: `}${rule}, ${found}`;
    }),
    ...(unfit === undefined ? [] : [`  stops     the run will stop: ${unfit}`]),
    ...(schema === undefined ? [] : [`Wrote ${schema}: what the data are like, which later data are held against.`]),
    '',
    `Run it with "anneal run ${file} --wait".`,
  ];
}
