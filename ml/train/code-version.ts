import { createRequire } from 'node:module';
import { join } from 'node:path';
import { sourcesDigest } from '../sources-digest.js';

const require = createRequire(import.meta.url);

function versionOf(packageFile: string): string {
  return (require(packageFile) as { version: string }).version;
}

/** Folders beside this one's parent whose code decides the bits of a training. */
const decisive = ['graph', 'models', 'train'];

/** Versions of everything that decides the bits of a training beside its plan and its data; part of a run's digest. */
export const codeVersion: string = [
  `anneal ${versionOf('../../package.json')} (${sourcesDigest(join(import.meta.dirname, '..'), decisive)})`,
  `onnxruntime-node ${versionOf('onnxruntime-node/package.json')}`,
  `tfjs ${versionOf('@tensorflow/tfjs-core/package.json')}`,
].join(', ');
