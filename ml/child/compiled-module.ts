import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Whether this process runs what `scripts/compile.mjs` makes of the sources, as Anneal's own processes do; a test runs the sources.
 * `import.meta.url` is that of the source in both.
 */
export const isCompiled = import.meta.filename.endsWith('.js');

/** Flags of Node.js for a process that runs a compiled module. */
export const compiledFlags: readonly string[] = ['--enable-source-maps'];

const root = new URL('../../', import.meta.url);
let isUpToDate = isCompiled;

/**
 * The file of JavaScript for a module of Anneal's that a process or thread of its own begins with. Who runs the sources has them
 * compiled first, once.
 *
 * @param module URL of its source
 */
export function compiledModule(module: URL): string {
  if (!isUpToDate) execFileSync(process.execPath, [fileURLToPath(new URL('scripts/compile.mjs', root))], { stdio: 'inherit' });
  isUpToDate = true;
  return fileURLToPath(new URL(`build/js/${module.href.slice(root.href.length).replace(/\.ts$/, '.js')}`, root));
}
