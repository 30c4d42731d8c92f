import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileSources } from './compile.mjs';
import { ensureNodeModules } from './setup/node-modules.mjs';
import { ensurePythonEnvironment } from './setup/python.mjs';
import { SetupError } from './setup/setup-error.mjs';

/** Root of the project, absolute. */
export const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** The first one with `import.meta.dirname`. */
const oldestNode = [20, 11];

/**
 * Make ready whatever this checkout lacks: `node_modules`, `.venv`, and the sources compiled. Safe to repeat and to interrupt;
 * when nothing is missing it takes some milliseconds and touches no network.
 *
 * @param {(line: string) => void} [say] is given one line a step
 * @throws {SetupError} with one paragraph for the person at the keyboard
 */
export async function setup(say = (line) => console.log(line)) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
    throw new SetupError(
      `Anneal needs Node.js ${oldestNode.join('.')} or newer, and this is ${process.version}. Install a newer Node.js and start again.`,
    );
  }
  const results = await Promise.allSettled([ensureNodeModules(projectRoot, say), ensurePythonEnvironment(projectRoot, say)]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  compileSources();
}

/**
 * As `setup`, for a script's main program: a problem is printed and ends the process with 1.
 *
 * @param {(line: string) => void} [say]
 */
export async function setupOrExit(say) {
  try {
    await setup(say);
  } catch (error) {
    console.error(error instanceof SetupError ? `\n${error.message}` : error);
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await setupOrExit();
  console.log('Everything is ready: "npm start" runs the main job, "npx anneal --help" shows the commands.');
}
