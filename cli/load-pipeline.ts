import { existsSync, readdirSync, statSync } from 'node:fs';
import { register } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AnnealError } from '../contracts/failures.js';
import { definePipeline, type PipelineInput, type PipelineSpec } from '../contracts/pipeline.js';
import { inFamily } from '../contracts/pipeline/model.js';
import { mapSourceUris } from '../contracts/pipeline/source.js';
import { isCompiled } from '../ml/child/compiled-module.js';
import { setPath } from '../ml/search/set-path.js';
import { CommandError, usageError } from './command-error.js';
import { parseAssignment } from './parse-assignment.js';
import { projectRoot } from './project-root.js';
import { readSchemaFile, schemaPath } from './schema-file.js';

/** Where a pipeline that is given by its name is looked for: the folder one works in, then Anneal's own. */
function pipelineFolders(): string[] {
  return [...new Set([resolve('pipelines'), join(projectRoot, 'pipelines')])];
}

/** @returns names of the pipelines that exist, sorted */
export function listPipelines(): string[] {
  const names = pipelineFolders().flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder).filter((file) => /\.(ts|js|mjs)$/.test(file) && !/\.(test|d)\.ts$/.test(file)) : [],
  );
  return [...new Set(names.map((file) => file.replace(/\.[a-z]+$/, '')))].sort();
}

/**
 * Load a pipeline by name (`pipelines/<name>.ts`) or by the path of its file, with single values replaced.
 *
 * The frozen schema beside the file, `<name>.schema.json`, becomes part of the definition. A relative source is made absolute, since the workers have a working directory of their own.
 *
 * @param assignments `path=value` each; the value is JSON, or else taken as text
 * @throws CommandError when there is no such pipeline, it cannot be loaded, or a replaced value is not valid (usage)
 * @throws AnnealError `InvalidPipeline`
 */
export async function loadPipeline(nameOrPath: string, assignments: readonly string[] = []): Promise<PipelineSpec> {
  const file = findPipelineFile(nameOrPath);
  let module: { default?: unknown };
  try {
    module = await importTypescript(file);
  } catch (error) {
    if ((error as Error).name === 'AnnealError') throw error;
    throw new CommandError(
      `The pipeline file ${file} could not be loaded: ${(error as Error).message.split('\n')[0]}. Correct the file and run the command again.`,
      undefined,
      { cause: error },
    );
  }
  if (typeof module.default !== 'object' || module.default === null) {
    throw new CommandError(
      `The file ${file} is not a pipeline: it has no default export. Let it end with "export default definePipeline({ … })".`,
    );
  }
  const frozen = readSchemaFile(schemaPath(file));
  const defined = { ...(frozen ? { schema: frozen } : {}), ...(module.default as PipelineInput) };
  return withAbsoluteSource(assigned(defined, assignments));
}

/** By a loader that compiles it and what it imports; whoever runs Anneal's own sources, as a test does, has one. */
async function importTypescript(file: string): Promise<{ default?: unknown }> {
  if (!isCompiled) return (await import(pathToFileURL(file).href)) as { default?: unknown };
  // Both: a pipeline file that lies in no package with "type": "module" is CommonJS to Node.
  const [modules, commonJs] = await Promise.all([import('tsx/esm/api'), import('tsx/cjs/api')]);
  const [endModules, endCommonJs] = [modules.register(), commonJs.register()];
  register(new URL('./contracts-for-pipelines.mjs', import.meta.url));
  try {
    return exportsOf((await import(pathToFileURL(file).href)) as { default?: unknown });
  } finally {
    endCommonJs();
    await endModules();
  }
}

/** Of a module that was compiled to CommonJS, all that it exports is Node's default export. */
function exportsOf(module: { default?: unknown }): { default?: unknown } {
  const exported = module.default as { readonly __esModule?: boolean; readonly default?: unknown } | null | undefined;
  return exported?.__esModule === true ? exported : module;
}

/** @throws CommandError (usage) when the definition is valid without the assignments, and is not with them */
function assigned(defined: PipelineInput, assignments: readonly string[]): PipelineSpec {
  const values = assignments.map(parseAssignment);
  const family = values.findLast(({ path }) => path === 'model.family');
  const start = family ? setPath(defined, 'model', inFamily(defined.model, family.value)) : defined;
  try {
    return definePipeline(values.reduce((at, { path, value }) => setPath(at, path, value), start));
  } catch (error) {
    if (!(error instanceof AnnealError) || values.length === 0) throw error;
    definePipeline(defined);
    throw usageError(error.message);
  }
}

/** @throws CommandError (usage) when there is no such pipeline */
export function findPipelineFile(nameOrPath: string): string {
  const isPath = /[/\\]/.test(nameOrPath) || /\.(ts|js|mjs)$/.test(nameOrPath);
  const candidates = isPath
    ? [resolve(nameOrPath)]
    : pipelineFolders().flatMap((folder) => ['ts', 'js', 'mjs'].map((extension) => join(folder, `${nameOrPath}.${extension}`)));
  const found = candidates.find((path) => existsSync(path) && statSync(path).isFile());
  if (found) return found;
  if (isPath)
    throw usageError(`There is no pipeline file ${candidates[0]}. Check the path, or name one of: ${listPipelines().join(', ')}.`);
  const names = listPipelines();
  throw usageError(
    `There is no pipeline "${nameOrPath}". ${names.length > 0 ? `The pipelines are: ${names.join(', ')}.` : 'There are no pipelines yet.'} A file of your own can be given by its path, for example "anneal run ./my-pipeline.ts".`,
  );
}

function withAbsoluteSource(spec: PipelineSpec): PipelineSpec {
  return { ...spec, source: mapSourceUris(spec.source, absolute) };
}

/** A slash at the end stays: it says that a folder is meant. */
function absolute(uri: string): string {
  if (isAbsolute(uri) || /^[a-z][a-z0-9+.-]*:/i.test(uri)) return uri;
  return uri.endsWith('/') ? `${resolve(uri)}/` : resolve(uri);
}
