import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastLines, runCommand } from './command.mjs';
import { SetupError } from './setup-error.mjs';

const stampFile = '.anneal-setup.json';

/**
 * Make `node_modules` what `package-lock.json` says. Nothing is fetched when it is that already.
 *
 * The stamp lies inside `node_modules` and is written last, and `npm ci` begins by removing the folder,
 * so a set-up that was interrupted anywhere is seen as missing and done again.
 *
 * @param {string} root absolute path of the project
 * @param {(line: string) => void} say
 * @throws {SetupError} when npm fails
 */
export async function ensureNodeModules(root, say) {
  const expected = stampOf(root);
  if (readStamp(root) === expected) return;
  if (matchesLockfile(root)) {
    writeStamp(root, expected);
    return;
  }
  say('node_modules: installing from package-lock.json (npm ci)');
  const startedAt = Date.now();
  const { code, output } = await runCommand(npmProgram(), ['ci', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: root,
    env: installEnvironment(),
  });
  if (code !== 0) {
    throw new SetupError(
      `npm could not install the dependencies (npm ci ended with ${code ?? 'no exit code'}). Check the network and the npm registry that npm is configured with ("npm config get registry"), then start again; what was installed halfway is replaced. npm said:\n${lastLines(output)}`,
    );
  }
  writeStamp(root, expected);
  say(`node_modules: ready (${seconds(startedAt)})`);
}

/** npm tells scripts about itself in the environment; the same settings must not count as options of the nested npm. */
function installEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(lifecycle|package|command|execpath|node_execpath)/.test(name)),
  );
}

function npmProgram() {
  return process.platform === 'win32' ? 'npm.cmd' : 'npm';
}

/** @param {string} root */
function stampOf(root) {
  return JSON.stringify({
    lock: createHash('sha256')
      .update(readFileSync(join(root, 'package-lock.json')))
      .digest('hex'),
    platform: `${process.platform}-${process.arch}`,
  });
}

/** @param {string} root */
function readStamp(root) {
  const path = join(root, 'node_modules', stampFile);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** @param {string} root @param {string} stamp */
function writeStamp(root, stamp) {
  writeFileSync(join(root, 'node_modules', stampFile), stamp);
}

/**
 * Whether somebody's own `npm install` left what the lockfile asks for: npm writes a second lockfile into
 * `node_modules` when it has finished.
 *
 * @param {string} root
 */
export function matchesLockfile(root) {
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted || !installed) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/')) return true;
    const found = installed[path];
    if (!found) return entry.optional === true;
    if (entry.link) return found.link === true && existsSync(join(root, path));
    return found.version === entry.version && found.integrity === entry.integrity && existsSync(join(root, path, 'package.json'));
  });
}

/** @param {string} path */
function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** @param {number} startedAt */
function seconds(startedAt) {
  return `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
}
