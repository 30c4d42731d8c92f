#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { importCompiled } from '../scripts/run.mjs';

/**
 * The `anneal` command.
 *
 * @param {readonly string[]} args what follows the command's name
 */
export async function runCommandLine(args) {
  let main;
  try {
    ({ main } = await importCompiled('cli/main.ts'));
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' && error.code !== 'MODULE_NOT_FOUND') throw error;
    console.error('Anneal\'s dependencies are not installed. Run "npm run setup" in the project\'s folder, then the command again.');
    process.exitCode = 1;
    return;
  }
  await main(args);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await runCommandLine(process.argv.slice(2));
