import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectRoot, setupOrExit } from './setup.mjs';

/**
 * `npm test`: set-up, type check, lint, format check, then every test; all of them, also when an earlier one fails.
 * Arguments after `--` go to jest. The last line is `N passed, N failed`; it stands in `build/test-summary.txt` too, before the names
 * of what failed.
 */

const binary = (name) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));
const resultsFile = join(projectRoot, 'build', 'test-results.json');
const summaryFile = join(projectRoot, 'build', 'test-summary.txt');
const reporter = join(projectRoot, 'testing', 'summary-reporter.mjs');
const checks = [
  { name: 'type check', program: binary('tsc'), args: ['--noEmit'] },
  { name: 'lint', program: binary('oxlint'), args: ['--type-aware'] },
  { name: 'format check', program: binary('oxfmt'), args: ['--check'] },
  { name: 'tests', program: process.execPath, args: jestArguments(process.argv.slice(2)) },
];

mkdirSync(join(projectRoot, 'build'), { recursive: true });
for (const file of [resultsFile, summaryFile]) rmSync(file, { force: true });
await setupOrExit();

const failedChecks = [];
for (const check of checks) {
  console.log(`\n── ${check.name}`);
  if ((await run(check)) !== 0) failedChecks.push(check.name);
}

const tests = readResults();
if (!tests.ended) tests.failures.push('jest ended before its tests had: the counts are of the files that were through by then');
// A failing test makes its check fail too; it is counted once. A run that died counts as a failure of its own.
const failed = tests.failed + failedChecks.filter((name) => name !== 'tests' || tests.failed === 0 || !tests.ended).length;
const summary = `${tests.passed} passed, ${failed} failed`;
if (failedChecks.length > 0) console.log(`\nFailed: ${failedChecks.join(', ')}.`);
writeFileSync(summaryFile, [summary, ...failedChecks.filter((name) => name !== 'tests'), ...tests.failures, ''].join('\n'));
console.log(`\n${summary}`);
process.exitCode = failedChecks.length === 0 ? 0 : 1;

/** @param {string[]} own what the caller gave after `--` */
function jestArguments(own) {
  // Older versions of Node.js 20 do not know this flag, and only print a warning more.
  const quiet = process.allowedNodeEnvironmentFlags.has('--disable-warning') ? ['--disable-warning=ExperimentalWarning'] : [];
  const jest = join(projectRoot, 'node_modules', 'jest', 'bin', 'jest.js');
  return ['--experimental-vm-modules', ...quiet, jest, ...own, '--reporters=default', `--reporters=${reporter}`];
}

/** @param {{ program: string, args: string[] }} check @returns {Promise<number>} */
function run({ program, args }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: projectRoot, stdio: 'inherit', env: { ...process.env, ANNEAL_TEST_RESULTS: resultsFile } });
    // A Ctrl-C reaches the child by the terminal; this process waits for it, to tell how far it came.
    const wait = () => undefined;
    process.on('SIGINT', wait);
    child.on('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.on('close', (code, signal) => {
      process.off('SIGINT', wait);
      if (signal) console.error(`It was ended by ${signal}.`);
      resolve(code ?? 1);
    });
  });
}

/** @returns {{ passed: number, failed: number, failures: string[], ended: boolean }} */
function readResults() {
  try {
    return JSON.parse(readFileSync(resultsFile, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, failures: [], ended: false };
  }
}
