import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeDevices, readDevices } from './devices.js';

const [a, b] = ['GPU-1111aaaa-0000-0000-0000-000000000001', 'GPU-2222bbbb-0000-0000-0000-000000000002'];
let root: string;
let nvidiaSmi: string;
let procRoot: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'anneal-devices-'));
  // Prints what the driver's command prints for these arguments, on a machine with two cards.
  nvidiaSmi = join(root, 'nvidia-smi');
  const answer = `${a}, NVIDIA A100-SXM4-40GB, 40960\n${b}, NVIDIA A100-SXM4-40GB, 40960`;
  writeFileSync(
    nvidiaSmi,
    `#!/bin/sh\n[ "$*" = "--query-gpu=uuid,name,memory.total --format=csv,noheader,nounits" ] || exit 2\necho "${answer}"\n`,
  );
  chmodSync(nvidiaSmi, 0o755);
  procRoot = join(root, 'gpus');
  mkdirSync(join(procRoot, '0000:65:00.0'), { recursive: true });
  writeFileSync(
    join(procRoot, '0000:65:00.0', 'information'),
    `Model: \t\t NVIDIA L4\nIRQ:   \t\t 93\nGPU UUID: \t ${a}\nVideo BIOS: \t ??\n`,
  );
});
afterAll(() => rmSync(root, { recursive: true }));

describe('readDevices', () => {
  it('asks the driver for cards and their memory', async () => {
    const devices = await readDevices({ nvidiaSmi, procRoot });
    expect(devices).toEqual([a, b].map((id) => ({ id, name: 'NVIDIA A100-SXM4-40GB', memoryMiB: 40_960 })));
    expect(describeDevices(devices)).toBe('2 × NVIDIA A100-SXM4-40GB (40,960 MiB)');
  });

  it('reads what the kernel says where the driver’s command is not there', async () => {
    const devices = await readDevices({ nvidiaSmi: join(root, 'none'), procRoot });
    expect(devices).toEqual([{ id: a, name: 'NVIDIA L4' }]);
    expect(describeDevices(devices)).toBe('NVIDIA L4');
  });

  it('finds none on a machine without a driver', async () => {
    expect(await readDevices({ nvidiaSmi: join(root, 'none'), procRoot: join(root, 'none') })).toEqual([]);
  });

  it.each([
    ['1', [b]],
    ['1,0', [b, a]],
    ['GPU-2222', [b]],
    ['0,7,1', [a]],
    ['', []],
    ['-1', []],
  ])('takes of them what CUDA_VISIBLE_DEVICES=%j leaves', async (visible, expected) => {
    expect((await readDevices({ nvidiaSmi, procRoot, visible })).map(({ id }) => id)).toEqual(expected);
  });
});
