import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A graphics card that trials can be given. */
export interface Device {
  /** What `CUDA_VISIBLE_DEVICES` calls it: its UUID. */
  readonly id: string;
  readonly name: string;
  /** Unknown where the driver's own command is not there to be asked. */
  readonly memoryMiB?: number;
}

export interface DeviceProbe {
  /** Default: the one on PATH. */
  readonly nvidiaSmi?: string;
  /** Default: where the kernel module tells of its cards. */
  readonly procRoot?: string;
  /** The worker's own `CUDA_VISIBLE_DEVICES`: indices or (beginnings of) UUIDs; absent: all. */
  readonly visible?: string;
}

const query = ['--query-gpu=uuid,name,memory.total', '--format=csv,noheader,nounits'];
/** A card that hangs would otherwise keep the worker from starting. */
const timeoutMs = 10_000;

/**
 * The NVIDIA cards of this machine that the worker may use: by `nvidia-smi`, or where there is none by `/proc/driver/nvidia`.
 *
 * Never throws: a machine whose driver does not answer has no cards to train on.
 */
export async function readDevices({ nvidiaSmi = 'nvidia-smi', procRoot = '/proc/driver/nvidia/gpus', visible }: DeviceProbe = {}): Promise<
  Device[]
> {
  const devices = (await askDriver(nvidiaSmi)) ?? (await readKernel(procRoot));
  return visible === undefined ? devices : chosen(devices, visible);
}

/** @returns undefined when the command is not there, or does not answer */
async function askDriver(nvidiaSmi: string): Promise<Device[] | undefined> {
  try {
    const { stdout } = await promisify(execFile)(nvidiaSmi, query, { timeout: timeoutMs });
    return stdout.split('\n').flatMap((line) => {
      const [id, name, memory] = line.split(',').map((cell) => cell.trim());
      if (!id?.startsWith('GPU-')) return [];
      const memoryMiB = Number(memory);
      return [{ id, name, ...(Number.isFinite(memoryMiB) ? { memoryMiB } : {}) }];
    });
  } catch {
    return undefined;
  }
}

async function readKernel(root: string): Promise<Device[]> {
  const folders: string[] = await readdir(root).catch(() => []);
  const found = await Promise.all(
    folders.toSorted().map(async (folder) => {
      const text = await readFile(join(root, folder, 'information'), 'utf8').catch(() => '');
      const field = (name: string): string | undefined => new RegExp(`^${name}:\\s*(.+)$`, 'm').exec(text)?.[1].trim();
      const id = field('GPU UUID');
      return id?.startsWith('GPU-') ? [{ id, name: field('Model') ?? 'NVIDIA GPU' }] : [];
    }),
  );
  return found.flat();
}

/** CUDA takes the names in their order, up to the first that it does not know. */
function chosen(devices: readonly Device[], visible: string): Device[] {
  const taken: Device[] = [];
  for (const name of visible.split(',').map((part) => part.trim())) {
    const device = /^\d+$/.test(name) ? devices[Number(name)] : name === '' ? undefined : devices.find(({ id }) => id.startsWith(name));
    if (!device) break;
    taken.push(device);
  }
  return taken;
}

/** `2 × NVIDIA A100-SXM4-40GB (40,960 MiB)`; equal cards are counted. */
export function describeDevices(devices: readonly Device[]): string {
  const counts = new Map<string, number>();
  for (const { name, memoryMiB } of devices) {
    const text = memoryMiB === undefined ? name : `${name} (${memoryMiB.toLocaleString('en')} MiB)`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].map(([text, count]) => (count === 1 ? text : `${count} × ${text}`)).join(', ');
}
