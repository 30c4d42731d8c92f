import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The set-up steps against a project of one package, with programs on PATH that stand for what a machine may lack. */
let root: string;
const programs = () => join(root, 'programs');
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'anneal-setup-'));
  mkdirSync(programs());
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function program(name: string, script: string): void {
  write(join('programs', name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(programs(), name), 0o755);
}

/** @returns what the step said, or its error */
function runStep(module: string, step: string): Promise<string> {
  const url = new URL(module, import.meta.url).href;
  const script = `
    const { ${step} } = await import(${JSON.stringify(url)});
    try { await ${step}(${JSON.stringify(root)}, (line) => console.log(line)); console.log('ready'); }
    catch (error) { console.log(error.name + ': ' + error.message); }`;
  return new Promise((resolve, reject) => {
    const args = ['--input-type=module', '-e', script];
    execFile(process.execPath, args, { env: { PATH: `${programs()}:/bin:/usr/bin/none` } }, (error, stdout) =>
      error ? reject(error) : resolve(stdout.trim()),
    );
  });
}

describe('the Python environment', () => {
  beforeEach(() => {
    write('infra/python/uv.txt', '');
    write('infra/python/requirements.txt', '');
  });
  const answer = (version: string, otherwise = 'exit 1') => `case "$*" in *version_info*) echo "${version}";; *) ${otherwise};; esac`;

  test('says how to install Python when there is none', async () => {
    for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python']) program(name, 'exit 127');
    expect(await runStep('./python.mjs', 'ensurePythonEnvironment')).toMatch(
      /SetupError: Anneal needs Python 3\.10 .*no python3 on PATH\. Install it/,
    );
  });

  test('names a Python that is too old', async () => {
    for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python']) program(name, answer('3 9'));
    expect(await runStep('./python.mjs', 'ensurePythonEnvironment')).toMatch(/SetupError: .*python3 is 3\.9/);
  });

  test('takes a newer Python beside one that is too old, and says what its venv module lacks', async () => {
    program('python3', answer('3 9'));
    program('python3.13', answer('3 13', 'echo "ensurepip is not available"; exit 1'));
    expect(await runStep('./python.mjs', 'ensurePythonEnvironment')).toMatch(/SetupError: python3\.13 .*"apt-get install python3-venv"/);
  });
});

describe('node_modules', () => {
  const entry = { version: '1.0.0', integrity: 'sha512-x' };
  const lock = (packages: Record<string, unknown>) => JSON.stringify({ lockfileVersion: 3, packages });
  const foreign = { version: '1.0.0', optional: true, os: ['none'] };
  beforeEach(() => {
    write('package-lock.json', lock({ '': {}, 'node_modules/one': entry, 'node_modules/other-platform': foreign }));
    // Stands for npm: says how it was called, and installs.
    program('npm', `echo "$@" >> ${join(root, 'npm-calls')}; mkdir -p ${join(root, 'node_modules')}`);
  });
  const calls = () => (existsSync(join(root, 'npm-calls')) ? readFileSync(join(root, 'npm-calls'), 'utf8').trim().split('\n') : []);
  const ensure = () => runStep('./node-modules.mjs', 'ensureNodeModules');

  test('are installed once', async () => {
    expect(await ensure()).toMatch(/installing[^]*ready/);
    expect(await ensure()).toBe('ready');
    expect(calls()).toEqual([expect.stringMatching(/^ci /)]);
  });

  test('are installed again when the lockfile has changed', async () => {
    await ensure();
    write('package-lock.json', lock({ '': {}, 'node_modules/one': { ...entry, version: '1.1.0' } }));
    await ensure();
    expect(calls()).toHaveLength(2);
  });

  test("are taken as they are when somebody's own install left what the lockfile asks for", async () => {
    write('node_modules/.package-lock.json', lock({ 'node_modules/one': entry }));
    write('node_modules/one/package.json', '{}');
    expect(await ensure()).toBe('ready');
    expect(calls()).toEqual([]);
  });

  test.each([
    ['another version is there', lock({ 'node_modules/one': { ...entry, version: '0.9.0' } })],
    ['a package is missing', lock({})],
    ['the install was interrupted', ''],
  ])('are installed when %s', async (_, installed) => {
    if (installed) write('node_modules/.package-lock.json', installed);
    write('node_modules/one/package.json', '{}');
    await ensure();
    expect(calls()).toHaveLength(1);
  });

  test('stay without a stamp when npm fails, and say what npm said', async () => {
    program('npm', 'echo "npm error network away"; exit 1');
    expect(await ensure()).toMatch(/SetupError: npm could not install[^]*network away/);
    expect(existsSync(join(root, 'node_modules', '.anneal-setup.json'))).toBe(false);
  });
});

test('the requirements are pinned with hashes and name no package index', () => {
  const folder = fileURLToPath(new URL('../../infra/python/', import.meta.url));
  for (const name of ['requirements.txt', 'uv.txt']) {
    const text = readFileSync(join(folder, name), 'utf8');
    const requirements = text
      .replace(/\\\n/g, ' ')
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.startsWith('#'));
    expect(requirements.filter((line) => !/^[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}/.test(line))).toEqual([]);
    expect(text).not.toMatch(/:\/\/|--index-url|--find-links/);
  }
});
