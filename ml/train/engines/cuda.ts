import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import ort from 'onnxruntime-node';

/** Whether the driver of an NVIDIA device is loaded on this machine. */
export function hasNvidiaDevice(): boolean {
  return existsSync('/dev/nvidiactl') || existsSync('/proc/driver/nvidia/version');
}

/** @returns why onnxruntime cannot compute with CUDA here, or undefined */
export function missingCuda(): string | undefined {
  const missing = findMissing();
  return (
    missing &&
    `The engine onnxruntime-cuda needs an NVIDIA device and onnxruntime's CUDA provider, and ${missing}. Train with engine "auto", which takes the fastest engine that there is.`
  );
}

function findMissing(): string | undefined {
  if (!ort.listSupportedBackends().some(({ name }) => name === 'cuda')) return 'onnxruntime-node has none for this platform';
  const folder = path.join(
    path.dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json')),
    'bin',
    'napi-v6',
    process.platform,
    process.arch,
  );
  const absent = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'].find(
    (name) => !existsSync(path.join(folder, name)),
  );
  if (absent !== undefined)
    return `${absent} does not lie beside onnxruntime-node's binding, where its own install script ("node node_modules/onnxruntime-node/script/install.js") puts it`;
  return hasNvidiaDevice() ? undefined : 'no NVIDIA driver is loaded';
}
