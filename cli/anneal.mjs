#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The `anneal` command. Anneal's sources are TypeScript, so the loader is registered before they are imported.
 *
 * @param {readonly string[]} args what follows the command's name
 */
export async function runCommandLine(args) {
  try {
    const loaders = await Promise.all([import('tsx/esm/api'), import('tsx/cjs/api')]);
    // Both: a pipeline file that lies in no package with "type": "module" is CommonJS to Node.
    for (const loader of loaders) loader.register();
  } catch {
    console.error('Anneal\'s dependencies are not installed. Run "npm run setup" in the project\'s folder, then the command again.');
    process.exitCode = 1;
    return;
  }
  const { main } = await import('./main.ts');
  await main(args);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await runCommandLine(process.argv.slice(2));
