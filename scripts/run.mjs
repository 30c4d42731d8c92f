import { realpathSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileSources } from './compile.mjs';

const projectRoot = fileURLToPath(new URL('../', import.meta.url));

/**
 * Import a module of Anneal's from its TypeScript, which is compiled first as far as it has changed.
 *
 * @param {string} source relative to the project's root
 */
export async function importCompiled(source) {
  compileSources();
  process.setSourceMapsEnabled(true);
  return import(`../build/js/${source.replace(/\.ts$/, '.js')}`);
}

// node scripts/run.mjs <module>.ts [arguments]
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [source] = process.argv.splice(2, 1);
  await importCompiled(relative(projectRoot, resolve(source)));
}
