import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Writes the package as it is published into `build/`: JavaScript with its types. `npm publish ./build` sends it. */

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

rmSync(here('build'), { recursive: true, force: true });
execFileSync(process.execPath, [here('../../node_modules/typescript/bin/tsc'), '-p', here('tsconfig.build.json')], { stdio: 'inherit' });
const { scripts: _scripts, ...manifest } = JSON.parse(readFileSync(here('package.json'), 'utf8'));
const published = { ...manifest, exports: { '.': { types: './index.d.ts', default: './index.js' } }, sideEffects: false };
writeFileSync(here('build/package.json'), `${JSON.stringify(published, undefined, 2)}\n`);
copyFileSync(here('README.md'), here('build/README.md'));
copyFileSync(here('../../LICENSE'), here('build/LICENSE'));
