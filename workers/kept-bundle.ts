import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sourcesDigest } from '../ml/sources-digest.js';

const projectRoot = fileURLToPath(new URL('..', import.meta.url));
const bundlesFolder = join(projectRoot, 'build', 'workflow-bundles');
/** What workflows may import of ours: see ARCHITECTURE.md. */
export const bundledFolders = ['workflows', 'contracts', 'ml/search', 'ml/evaluate'];

/**
 * A bundle of the workflows, as it was made of the same sources and packages before, else made now and kept for the next worker.
 *
 * @param kind tells apart what is made of the same sources
 * @param make takes 3 seconds of the processor
 * @param folder where bundles are kept, one of a kind; where it cannot be written to, each is made anew
 */
export async function keptBundle(kind: string, make: () => Promise<{ code: string }>, folder: string = bundlesFolder): Promise<string> {
  const digest = digestNow();
  const path = join(folder, `${kind}-${digest}.js`);
  try {
    return readFileSync(path, 'utf8');
  } catch {
    const { code } = await make();
    // Somebody may be working on the sources.
    if (digestNow() === digest) keep(folder, kind, path, code);
    return code;
  }
}

function digestNow(): string {
  const packages = createHash('sha256').update(readFileSync(join(projectRoot, 'package-lock.json')));
  return `${sourcesDigest(projectRoot, bundledFolders)}${packages.digest('hex').slice(0, 12)}`;
}

function keep(folder: string, kind: string, path: string, code: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${path}.${process.pid}`, code);
    const outdated = readdirSync(folder).filter((name) => name.startsWith(`${kind}-`) && name.endsWith('.js'));
    renameSync(`${path}.${process.pid}`, path);
    for (const name of outdated) if (join(folder, name) !== path) rmSync(join(folder, name), { force: true });
  } catch {
    // A cache: the next worker makes its own.
  }
}
