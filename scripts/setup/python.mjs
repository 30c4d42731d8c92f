import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastLines, runCommand } from './command.mjs';
import { SetupError } from './setup-error.mjs';

const stampFile = '.anneal-setup.json';
const oldestPython = [3, 10];
const candidates = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];

/**
 * Make the project's virtual environment `.venv` hold what `infra/python/requirements.txt` pins: MLflow's server,
 * the Temporal CLI and Temporal's test server. Nothing is fetched when it does already.
 *
 * The stamp is written last and a venv without it is made anew, so an interrupted set-up is done again.
 *
 * @param {string} root absolute path of the project
 * @param {(line: string) => void} say
 * @throws {SetupError} when Python, its venv module or the packages cannot be had
 */
export async function ensurePythonEnvironment(root, say) {
  const venv = join(root, '.venv');
  const expected = stampOf(root, venv);
  const python = join(venv, 'bin', 'python');
  if (existsSync(python) && readStamp(venv) === expected) return;

  const startedAt = Date.now();
  say('.venv: creating it with Temporal and MLflow (versions and hashes from infra/python)');
  const basePython = await findPython();
  await createVenv(basePython, venv);
  await installPackages(root, venv);
  writeFileSync(join(venv, stampFile), expected);
  say(`.venv: ready (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
}

/** @returns {Promise<string>} the first Python on PATH that is new enough */
async function findPython() {
  let tooOld;
  for (const program of candidates) {
    const { code, output } = await runCommand(program, ['-c', 'import sys; print("%d %d" % sys.version_info[:2])']);
    if (code !== 0) continue;
    const [major, minor] = output.trim().split(' ').map(Number);
    if (major > oldestPython[0] || (major === oldestPython[0] && minor >= oldestPython[1])) return program;
    tooOld ??= `${program} is ${major}.${minor}`;
  }
  throw new SetupError(
    tooOld
      ? `Anneal needs Python ${oldestPython.join('.')} or newer for its MLflow server, and ${tooOld}. Install a newer Python 3 beside it (its command, e.g. python3.12, must be on PATH) and start again.`
      : 'Anneal needs Python 3.10 or newer for its MLflow server, and there is no python3 on PATH. Install it (Debian and Ubuntu: "apt-get install python3 python3-venv"; macOS: "brew install python") and start again.',
  );
}

/** @param {string} python @param {string} venv */
async function createVenv(python, venv) {
  const { code, output } = await runCommand(python, ['-m', 'venv', '--clear', venv]);
  if (code === 0) return;
  if (/ensurepip|No module named '?venv/.test(output)) {
    throw new SetupError(
      `${python} cannot make a virtual environment because its venv module (with ensurepip) is not installed. Install it (Debian and Ubuntu: "apt-get install python3-venv") and start again.`,
    );
  }
  throw new SetupError(
    `${python} could not make the virtual environment ${venv}. Check that the folder can be written and that the disk has 1 GB free, then start again. It said:\n${lastLines(output)}`,
  );
}

/** @param {string} root @param {string} venv */
async function installPackages(root, venv) {
  const python = join(venv, 'bin', 'python');
  const requirements = join(root, 'infra', 'python', 'requirements.txt');
  const env = { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1', VIRTUAL_ENV: venv };
  const pip = (file) =>
    runCommand(python, ['-m', 'pip', 'install', '--quiet', '--require-hashes', '--only-binary', ':all:', '-r', file], { env });

  const installer = await pip(join(root, 'infra', 'python', 'uv.txt'));
  let failure = installer.code === 0 ? '' : installer.output;
  if (!failure) {
    const args = ['pip', 'install', '--quiet', '--python', python, '--require-hashes', '--only-binary', ':all:', '-r', requirements];
    const installed = await runCommand(join(venv, 'bin', 'uv'), args, { env: await withPipSettings(python, env) });
    if (installed.code === 0) return;
    failure = installed.output;
  }
  // Slower by far, but it understands every way in which a registry can be configured for pip.
  const fallback = await pip(requirements);
  if (fallback.code === 0) return;
  throw new SetupError(
    `The Python packages that Anneal needs (MLflow, Temporal) could not be installed into .venv. Check the network and the package index that pip is configured with ("pip config list"), then start again. uv said:\n${lastLines(failure, 6)}\npip said:\n${lastLines(fallback.output, 6)}`,
  );
}

/**
 * uv does not read pip's configuration; a company's own index, set for pip, should hold for it too.
 *
 * @param {string} python
 * @param {NodeJS.ProcessEnv} env
 */
async function withPipSettings(python, env) {
  const { code, output } = await runCommand(python, ['-m', 'pip', 'config', 'list'], { env });
  const setting = (name) => {
    const match = code === 0 && new RegExp(`^(?::env:|global|install|user|site)\\.${name}='(.+)'$`, 'm').exec(output);
    return match ? match[1].replaceAll('\\n', ' ').trim() : undefined;
  };
  const fromPip = {
    ...(env.UV_INDEX_URL ? {} : { UV_DEFAULT_INDEX: setting('index-url') }),
    UV_INDEX: setting('extra-index-url'),
    SSL_CERT_FILE: setting('cert'),
  };
  return { ...Object.fromEntries(Object.entries(fromPip).filter(([, value]) => value)), ...env };
}

/** @param {string} root @param {string} venv */
function stampOf(root, venv) {
  const hash = createHash('sha256');
  for (const name of ['uv.txt', 'requirements.txt']) hash.update(readFileSync(join(root, 'infra', 'python', name)));
  // The scripts of a venv hold its absolute path, so one that was moved is of no use.
  return JSON.stringify({ requirements: hash.digest('hex'), venv, platform: `${process.platform}-${process.arch}` });
}

/** @param {string} venv */
function readStamp(venv) {
  const path = join(venv, stampFile);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
