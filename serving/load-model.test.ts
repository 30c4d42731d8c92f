import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { AnnealError } from '../contracts/failures.js';
import { loadModel } from './load-model.js';
import { tinyGolden, tinyGraph, tinyManifest, tinyProbability, writeTinyVersion, writeVersion } from './testing/tiny-bundle.js';

const directory = mkdtempSync(join(tmpdir(), 'anneal-load-model-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let folder = 0;
const fresh = () => join(directory, String(folder++));

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(AnnealError);
  expect((error as AnnealError).type).toBe('LoadFailed');
  return (error as AnnealError).message;
}

describe('loadModel', () => {
  it('loads a version that reproduces its golden outputs, and computes what the model says', async () => {
    const model = await loadModel(writeTinyVersion(fresh(), { bias: 0.25 }));
    expect(model.goldenDifference).toBeLessThan(1e-6);
    const { values, classIndex } = await model.run({
      rows: 2,
      columns: [['JFK', ''], BigInt64Array.of(0n, 1n), Float64Array.of(-900, 300)],
    });
    expect(Array.from(classIndex!)).toEqual([0, 1]);
    expect(values[1]).toBeCloseTo(tinyProbability({ bias: 0.25 }, { origin: 'JFK', distance: -900 }), 6);
    expect(values[3]).toBeCloseTo(tinyProbability({ bias: 0.25 }, { origin: null, distance: 300 }), 6);
    await model.release();
  });

  it('names the golden row, the batch size and both values when a version computes something else', async () => {
    const message = await refusal(loadModel(writeTinyVersion(fresh(), { bias: 0, goldenError: 0.001 })));
    expect(message).toMatch(/golden row 0, output 0, in a batch of 1: this host computes 0\.\d+, expected 0\.\d+ ± 0\.00001/);
  });

  it.each(['model', 'manifest', 'golden'] as const)('refuses a %s file whose bytes changed, naming both digests', async (part) => {
    const files = writeTinyVersion(fresh(), { bias: 0 });
    writeFileSync(files[part].path, '{}');
    expect(await refusal(loadModel(files))).toContain(`expected ${files[part].sha256}`);
  });

  it('refuses a file that is not there', async () => {
    const files = writeTinyVersion(fresh(), { bias: 0 });
    rmSync(files.golden.path);
    expect(await refusal(loadModel(files))).toContain('golden outputs cannot be read');
  });

  it('refuses bytes that are no graph', async () => {
    const files = writeVersion(fresh(), new TextEncoder().encode('not a graph'), tinyManifest, tinyGolden({ bias: 0 }));
    expect(await refusal(loadModel(files))).toContain('onnxruntime does not accept its graph');
  });

  it('names the inputs in which graph and manifest differ', async () => {
    const inputs = [...tinyManifest.inputs.slice(1), { ...tinyManifest.inputs[0], name: 'destination' }];
    const files = writeVersion(fresh(), tinyGraph({ bias: 0 }), { ...tinyManifest, inputs }, tinyGolden({ bias: 0 }));
    const message = await refusal(loadModel(files));
    expect(message).toContain('the graph has no input destination');
    expect(message).toContain("the manifest does not name the graph's input origin");
  });

  it('refuses a version that brings no golden rows, since nothing can be verified', async () => {
    const files = writeVersion(fresh(), tinyGraph({ bias: 0 }), tinyManifest, { instances: [], outputs: [], tolerance: 1 });
    expect(await refusal(loadModel(files))).toContain('0 golden inputs');
  });

  it('counts NaN as a difference', async () => {
    const golden = tinyGolden({ bias: 0 });
    const files = writeVersion(fresh(), tinyGraph({ bias: Number.NaN }), tinyManifest, golden);
    expect(await refusal(loadModel(files))).toContain('computes NaN');
  });

  it('refuses a manifest of a format that it does not know', async () => {
    const files = writeVersion(fresh(), tinyGraph({ bias: 0 }), { ...tinyManifest, formatVersion: 2 as 1 }, tinyGolden({ bias: 0 }));
    expect(await refusal(loadModel(files))).toContain('format version 1');
  });
});
