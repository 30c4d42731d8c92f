import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
/** Where the modules are that Anneal's processes run. Pipelines are the user's: they are compiled when they are loaded. */
const sourceFolders = [
  'activities',
  'bench',
  'cli',
  'contracts',
  'infra',
  'ml',
  'packages/mlflow-ts-client/src',
  'scripts',
  'serving',
  'stores',
  'telemetry',
  'testing',
  'workers',
  'workflows',
];

/** First lines of each compiled module. */
const placeOfSource = String.raw`const outdir = /[\\/]build[\\/]js(?!.*[\\/]build[\\/]js)/;
const sourceUrl = import.meta.url.replace(outdir, '').replace(/\.js$/, '.ts');
const sourceFolder = import.meta.dirname.replace(outdir, '');`;

/**
 * Bring the JavaScript in `build/js` up to date with the TypeScript that it is made from, module by module. Takes some milliseconds
 * when it is. Safe to repeat, to interrupt, and to run in several processes at a time.
 *
 * `import.meta.url` and `import.meta.dirname` are those of the source in either form, so that one finds what lies beside it.
 *
 * @param {string} root absolute path of the project
 * @param {readonly string[]} folders with sources, relative to it
 * @throws Error when a source is no valid TypeScript, or `build/js` has to be written and cannot be
 */
export function compileSources(root = projectRoot, folders = sourceFolders) {
  const outdir = join(root, 'build', 'js');
  const before = readManifest(outdir);
  const sources = inspect(
    root,
    folders.flatMap((folder) => sourcesIn(root, folder)),
    before.sources,
  );
  // When the compiler has changed, everything is made anew.
  const { resolve: find } = createRequire(import.meta.url);
  const compiler = inspect(root, [fileURLToPath(import.meta.url), find('esbuild/package.json'), find('zod/package.json')], before.compiler);
  const isSameCompiler = !hasChanged(compiler, before.compiler, 'sha256');
  const stale = Object.keys(sources).filter((file) => !isSameCompiler || sources[file].sha256 !== before.sources[file]?.sha256);
  const gone = Object.keys(before.sources).filter((file) => !sources[file]);
  if (stale.length > 0) compile(root, outdir, stale);
  for (const file of gone) rmSync(join(outdir, file.replace(/\.ts$/, '.js')), { force: true });
  if (stale.length > 0 || gone.length > 0) {
    write(outdir, 'package.json', '{ "type": "module" }\n');
    // The package's own manifest leads to its TypeScript.
    writePackage(outdir, 'mlflow-ts-client', "export * from '../../packages/mlflow-ts-client/src/index.js';\n");
    if (!isSameCompiler) writePackage(outdir, 'zod', inOneFile('zod'));
    write(outdir, 'manifest.json', JSON.stringify({ compiler, sources }));
  } else if (hasChanged(sources, before.sources, 'mtimeMs') || hasChanged(compiler, before.compiler, 'mtimeMs')) {
    try {
      write(outdir, 'manifest.json', JSON.stringify({ compiler, sources }));
    } catch {
      // An installation that is not this user's; then the files are read again the next time.
    }
  }
}

/** @returns {string[]} paths relative to the root */
function sourcesIn(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourcesIn(root, path);
    return entry.name.endsWith('.ts') && !/\.(test|d)\.ts$/.test(entry.name) ? [path] : [];
  });
}

/** The digest of each file; a file is read only when it was touched since it became `known`. */
function inspect(root, files, known) {
  return Object.fromEntries(
    files.map((file) => {
      const path = resolve(root, file);
      const { mtimeMs, size } = statSync(path);
      const before = known[file];
      if (before?.mtimeMs === mtimeMs && before.size === size) return [file, before];
      const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
      return [file, { mtimeMs, size, sha256 }];
    }),
  );
}

function hasChanged(files, before, property) {
  return Object.keys(files).some((file) => files[file][property] !== before[file]?.[property]);
}

function readManifest(outdir) {
  try {
    return JSON.parse(readFileSync(join(outdir, 'manifest.json'), 'utf8'));
  } catch {
    return { compiler: {}, sources: {} };
  }
}

function compile(root, outdir, files) {
  const { buildSync } = createRequire(import.meta.url)('esbuild');
  const { outputFiles } = buildSync({
    absWorkingDir: root,
    entryPoints: files,
    outbase: '.',
    outdir,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    sourcesContent: false,
    define: { 'import.meta.url': 'sourceUrl', 'import.meta.dirname': 'sourceFolder' },
    banner: { js: placeOfSource },
  });
  for (const { path, contents } of outputFiles) write(outdir, path.slice(outdir.length + 1), contents);
}

/** Of a hundred small modules, which Node.js reads one by one. */
function inOneFile(name) {
  const { buildSync } = createRequire(import.meta.url)('esbuild');
  const stdin = { contents: `export * from '${name}';`, resolveDir: projectRoot };
  return buildSync({ stdin, bundle: true, write: false, format: 'esm', platform: 'node', target: 'node20' }).outputFiles[0].contents;
}

function writePackage(outdir, name, content) {
  write(outdir, `node_modules/${name}/package.json`, '{ "type": "module", "exports": "./index.js" }\n');
  write(outdir, `node_modules/${name}/index.js`, content);
}

/** Whole or not at all: others may be reading it. */
function write(outdir, name, content) {
  const path = join(outdir, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, content);
  renameSync(`${path}.${process.pid}`, path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) compileSources();
