#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';
import { importCompiled } from '../scripts/run.mjs';

/**
 * The `anneal` command.
 *
 * @param {readonly string[]} args what follows the command's name
 */
export async function runCommandLine(args) {
  // Node.js 22 and later keep what they have compiled of Temporal's client: a tenth of a command's time.
  module.enableCompileCache?.();
  let main;
  try {
    ({ main } = await importCompiled('cli/main.ts'));
  } catch (error) {
    const advice = adviceOn(error);
    if (!advice) throw error;
    console.error(advice);
    process.exitCode = 1;
    return;
  }
  await main(args);
}

/** @returns {string | undefined} */
function adviceOn({ code, path }) {
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND')
    return 'Anneal\'s dependencies are not installed. Run "npm run setup" in the project\'s folder, then the command again.';
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return `Anneal's sources have changed since they were compiled, and ${path} cannot be written (${code}). Run "npm run setup" as the user whom the project's folder belongs to, then the command again.`;
  return undefined;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await runCommandLine(process.argv.slice(2));
