import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './setup.mjs';

/**
 * `npm run test:native [-- --gpu]`: build the binding of `tfjs-node-gpu`, then run the conformance suite on it. Downloads TensorFlow's
 * wheel the first time (1.3 GB unpacked, with `--gpu` several times that), which is why `npm test` does without it. The last line is
 * `N passed, N failed`; it stands in `build/native-summary.txt` too.
 */
const suite = 'ml/train/engines/conformance.test.ts';
const results = join(projectRoot, 'build', 'native-results.json');

run(process.execPath, [join(projectRoot, 'scripts', 'build-tfjs-native.mjs'), ...process.argv.slice(2)]);
mkdirSync(join(projectRoot, 'build'), { recursive: true });
rmSync(results, { force: true });
const jest = join(projectRoot, 'node_modules', 'jest', 'bin', 'jest.js');
const pattern = ['--testNamePattern', 'engine tfjs-node-gpu'];
const { status } = run(process.execPath, ['--experimental-vm-modules', jest, suite, ...pattern, '--json', '--outputFile', results], false);

const { numPassedTests: passed, numFailedTests: failed, testResults } = JSON.parse(readFileSync(results, 'utf8'));
const names = testResults.flatMap(({ assertionResults }) =>
  assertionResults.filter((test) => test.status === 'passed').map((test) => test.title),
);
// Where the binding cannot be loaded, the suite has a single test, of what it says then.
const wasLeftOut = !names.some((name) => name.startsWith('follows eager tfjs'));
if (wasLeftOut) console.error('\nThe binding was built, and the conformance suite could not use it: see its output above.');
const summary = `${passed} passed, ${failed + Number(wasLeftOut)} failed`;
writeFileSync(join(projectRoot, 'build', 'native-summary.txt'), `${summary}\n`);
console.log(`\n${summary}`);
process.exitCode = status === 0 && !wasLeftOut ? 0 : 1;

/** @param {string} program @param {string[]} args @param {boolean} mustSucceed */
function run(program, args, mustSucceed = true) {
  const outcome = spawnSync(program, args, { cwd: projectRoot, stdio: 'inherit', env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' } });
  if (mustSucceed && outcome.status !== 0) process.exit(outcome.status ?? 1);
  return outcome;
}
