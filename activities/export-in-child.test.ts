import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ExportInput } from '../contracts/activities.js';
import type { ModelBundle } from '../contracts/model.js';
import type { ArtifactRef } from '../contracts/reference.js';
import { exportInChild } from '../ml/export/export-in-child.js';
import { runExportJob } from '../ml/export/run-export-job.js';
import { buildNetwork } from '../ml/models/build-network.js';
import { recordNetwork } from '../ml/models/module/recorded-network.js';
import { decodeCheckpoint, encodeCheckpoint } from '../ml/train/checkpoint/checkpoint.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { createExportActivities } from './export.js';
import { trainedFixture, type TrainedFixture } from './trained-fixture.js';

let root: string;
let store: FileArtifactStore;
let fixture: TrainedFixture;
let slow: ArtifactRef;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'anneal-export-child-'));
  store = new FileArtifactStore(join(root, 'store'));
  fixture = await trainedFixture(store, root, 'binary', { training: { epochs: 1 } });
  slow = await slowCheckpoint();
});

afterAll(() => rmSync(root, { recursive: true }));

/** Of a network that onnxruntime computes in milliseconds, and eager tfjs in seconds. */
async function slowCheckpoint(): Promise<ArtifactRef> {
  const checkpoint = decodeCheckpoint(await store.readBytes(fixture.checkpoint));
  const plan = { ...checkpoint.plan, model: { family: 'mlp' as const, hidden: Array<number>(12).fill(512), activation: 'relu' as const } };
  const network = buildNetwork(plan.model, plan.layout, plan.outputs, plan.seed);
  const best = { ...checkpoint.best!, parameters: network.initialParameters() };
  return store.putBytes(encodeCheckpoint({ ...checkpoint, plan, best, network: recordNetwork({ ...network, standIn: 256 }) }));
}

/** @param scratch name of the attempt's folder for scratch files */
function attempt(scratch: string, checkpoint: ArtifactRef, run: typeof exportInChild = exportInChild) {
  const scratchRoot = join(root, scratch);
  mkdirSync(scratchRoot);
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  const { exportModel } = createExportActivities({ store, scratchRoot, run });
  const input: ExportInput = { spec: fixture.spec, prepared: fixture.ref, checkpoint, dataDigest: 'abc' };
  const result = environment.run((given: ExportInput) => exportModel(given), input) as Promise<ModelBundle>;
  return { environment, result, left: () => readdirSync(scratchRoot) };
}

/** Of this process, those that export. */
async function exportingChild(): Promise<number> {
  for (;;) {
    const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
    const found = pids.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('ml/export/child'));
    if (found !== undefined) return found;
    await sleep(10);
  }
}

describe('exportModel in a process of its own', () => {
  it('gives the bytes that it gives in this one, and leaves no files', async () => {
    const { result, left } = attempt('same', fixture.checkpoint);
    expect(await result).toEqual(await attempt('here', fixture.checkpoint, runExportJob).result);
    expect(left()).toEqual([]);
  });

  it('keeps no heartbeat waiting while a network is compared that takes seconds in eager TensorFlow.js', async () => {
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const startedAt = performance.now();
    const { environment, result } = attempt('slow', slow);
    let beats = 0;
    environment.on('heartbeat', () => beats++);
    expect(await result).toMatchObject({ model: { sizeBytes: expect.any(Number) } });
    delay.disable();
    expect(performance.now() - startedAt).toBeGreaterThan(2500);
    expect(delay.max / 1e6).toBeLessThan(1000);
    expect(beats).toBeGreaterThan(0);
  });

  it('says how a process was ended, in a way that is tried again', async () => {
    const { result, left } = attempt('killed', slow);
    const pid = await exportingChild();
    await sleep(500);
    process.kill(pid, 'SIGKILL');
    await expect(result).rejects.toThrow(/^The export was ended by signal SIGKILL before its job was done\. .+ It is tried again\.$/);
    await expect(result).rejects.not.toHaveProperty('nonRetryable');
    expect(left()).toEqual([]);
  });

  it('ends with the process when it is cancelled', async () => {
    const { environment, result, left } = attempt('cancelled', slow);
    const pid = await exportingChild();
    await sleep(1000);
    environment.cancel();
    const cancelledAt = performance.now();
    await expect(result).rejects.toBeInstanceOf(CancelledFailure);
    expect(performance.now() - cancelledAt).toBeLessThan(1500);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(left()).toEqual([]);
  });

  it('ends a process that hangs', async () => {
    const { result } = attempt('hanging', slow, (job, signal) => exportInChild(job, signal, 3000));
    process.kill(await exportingChild(), 'SIGSTOP');
    await expect(result).rejects.toThrow(/^The export gave no sign of life for .+ minutes, and was ended/);
  });
});
