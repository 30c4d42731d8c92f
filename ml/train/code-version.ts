import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

function versionOf(packageFile: string): string {
  return (require(packageFile) as { version: string }).version;
}

/** Versions of everything that decides the bits of a training beside its plan and its data; part of a run's digest. */
export const codeVersion: string = [
  `anneal ${versionOf('../../package.json')}`,
  `onnxruntime-node ${versionOf('onnxruntime-node/package.json')}`,
  `tfjs ${versionOf('@tensorflow/tfjs-core/package.json')}`,
].join(', ');
