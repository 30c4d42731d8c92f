import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModuleModelSpec } from '../../../contracts/pipeline.js';
import { artifactUri } from '../../../contracts/reference.js';
import { bundleModule } from './bundle-module.js';
import { loadModule } from './load-module.js';
import { createHash } from 'node:crypto';

/** Bundle and load the text of a module as a submission and a training child do. */
export async function moduleOf(text: string, options: ModuleModelSpec['options'] = {}): Promise<ModuleModelSpec> {
  const folder = mkdtempSync(join(tmpdir(), 'anneal-module-'));
  try {
    const path = join(folder, 'net.ts');
    writeFileSync(path, text);
    const bundle = await bundleModule('./net.ts', path);
    const bundlePath = join(folder, 'bundle');
    writeFileSync(bundlePath, bundle);
    const sha256 = createHash('sha256').update(bundle).digest('hex');
    const spec: ModuleModelSpec = {
      family: 'module',
      module: './net.ts',
      options,
      source: { uri: artifactUri(sha256), sha256, sizeBytes: bundle.length },
    };
    await loadModule(spec, bundlePath, folder);
    return spec;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
