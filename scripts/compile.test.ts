import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

let root: string;
let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'anneal-compile-')));
  // A checkout may lie in a folder that is called as the one of the compiled form.
  root = join(folder, 'build/js/checkout');
  mkdirSync(root, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function source(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function compile(): void {
  const script = `const { compileSources } = await import(${JSON.stringify(new URL('compile.mjs', import.meta.url).href)});
    compileSources(${JSON.stringify(root)}, ['ml']);`;
  execFileSync(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'pipe' });
}

function run(path: string): string {
  return execFileSync(process.execPath, ['--enable-source-maps', join(root, 'build/js', path)], { encoding: 'utf8', stdio: 'pipe' }).trim();
}

describe('the compiled sources', () => {
  test('run without a loader, and know the place of their source', () => {
    source('ml/add.ts', 'export const add = (a: number, b: number): number => a + b;');
    source('ml/main.ts', "import { add } from './add.js';\nconsole.log(add(1, 2), import.meta.url, import.meta.dirname);");
    compile();
    expect(run('ml/main.js')).toBe(`3 ${pathToFileURL(join(root, 'ml/main.ts')).href} ${join(root, 'ml')}`);
  });

  test('throw errors that tell the line of the source', () => {
    source('ml/main.ts', "interface Unused {\n  a: number;\n}\n\nthrow new Error('here');");
    compile();
    expect(() => run('ml/main.js')).toThrow(`${join(root, 'ml/main.ts')}:5`);
  });

  test('follow a change, also one that keeps the size, and a removal', () => {
    source('ml/main.ts', 'console.log(1);');
    source('ml/gone.ts', '');
    compile();
    expect(run('ml/main.js')).toBe('1');
    source('ml/main.ts', 'console.log(2);');
    rmSync(join(root, 'ml/gone.ts'));
    compile();
    expect(run('ml/main.js')).toBe('2');
    expect(existsSync(join(root, 'build/js/ml/gone.js'))).toBe(false);
  });

  test('follow a change that is older than the compiled form, as of an archive that was unpacked', () => {
    source('ml/main.ts', 'console.log(1);');
    compile();
    source('ml/main.ts', 'console.log(2);');
    utimesSync(join(root, 'ml/main.ts'), 1, 1);
    compile();
    expect(run('ml/main.js')).toBe('2');
  });

  test('stay as they are when a source was only touched, and leave tests out', () => {
    source('ml/main.ts', 'console.log(1);');
    source('ml/main.test.ts', '');
    compile();
    const path = join(root, 'build/js/ml/main.js');
    const { mtimeMs } = statSync(path);
    utimesSync(join(root, 'ml/main.ts'), 1, 1);
    compile();
    expect(statSync(path).mtimeMs).toBe(mtimeMs);
    expect(readFileSync(join(root, 'build/js/manifest.json'), 'utf8')).toContain('"mtimeMs":1000');
    expect(existsSync(join(root, 'build/js/ml/main.test.js'))).toBe(false);
  });

  test('are not replaced by what does not compile', () => {
    source('ml/main.ts', 'console.log(1);');
    compile();
    source('ml/main.ts', 'console.log(');
    expect(compile).toThrow('main.ts:1');
    expect(run('ml/main.js')).toBe('1');
    source('ml/main.ts', 'console.log(3);');
    compile();
    expect(run('ml/main.js')).toBe('3');
  });
});
