import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import onnxProto from 'onnx-proto';
import { AnnealError } from '../../contracts/failures.js';
import { openPrepared } from './prepared-version.js';
import { prepareVersion, type VersionFiles } from './prepare-version.js';
import { tinyGolden, tinyGraph, tinyManifest, tinyProbability, writeTinyVersion, writeVersion } from '../testing/tiny-bundle.js';

const directory = mkdtempSync(join(tmpdir(), 'anneal-load-model-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let folder = 0;
const prepare = (files: VersionFiles) => prepareVersion(files, directory);
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

describe('prepareVersion', () => {
  it.each([false, true])(
    'loads a version that reproduces its golden outputs, and computes what the model says (prepacked: %s)',
    async (prepack) => {
      const prepared = await prepare(writeTinyVersion(fresh(), { bias: 0.25 }));
      expect(prepared.goldenDifference).toBeLessThan(1e-6);
      for (const milliseconds of Object.values(prepared.profile)) expect(milliseconds).toBeGreaterThan(0);
      const model = await openPrepared(prepared, { prepack });
      const { values, classIndex } = await model.run({
        rows: 2,
        columns: [['JFK', ''], BigInt64Array.of(0n, 1n), Float64Array.of(-900, 300)],
      });
      expect(Array.from(classIndex!)).toEqual([0, 1]);
      expect(values[1]).toBeCloseTo(tinyProbability({ bias: 0.25 }, { origin: 'JFK', distance: -900 }), 6);
      expect(values[3]).toBeCloseTo(tinyProbability({ bias: 0.25 }, { origin: null, distance: 300 }), 6);
      await model.release();
    },
  );

  it('names the golden row, the batch size and both values when a version computes something else', async () => {
    const message = await refusal(prepare(writeTinyVersion(fresh(), { bias: 0, goldenError: 0.001 })));
    expect(message).toMatch(/golden row 0, output 0, in a batch of 1: this host computes 0\.\d+, expected 0\.\d+ ± 0\.00001/);
  });

  it.each(['model', 'manifest', 'golden'] as const)('refuses a %s file whose bytes changed, naming both digests', async (part) => {
    const files = writeTinyVersion(fresh(), { bias: 0 });
    writeFileSync(files[part].path, '{}');
    expect(await refusal(prepare(files))).toContain(`expected ${files[part].sha256}`);
  });

  it('does not open an image that changed after it was verified', async () => {
    const prepared = await prepare(writeTinyVersion(fresh(), { bias: 3 }));
    writeFileSync(prepared.image.path, 'changed');
    expect(await refusal(openPrepared(prepared))).toContain(`expected ${prepared.image.sha256}`);
  });

  describe('of a large model', () => {
    const dense = { bias: 0.25, squareOf: 1100 };
    const onExecutor = (files: VersionFiles) => prepareVersion(files, directory, { placement: 'executor-process' });

    it.each([false, true])('shares the weights with its file, which may go, and computes what it says (prepacked: %s)', async (prepack) => {
      const files = writeTinyVersion(fresh(), dense);
      const prepared = await onExecutor(files);
      expect(prepared.goldenDifference).toBeLessThan(1e-5);
      expect(readFileSync(prepared.image.path).byteLength).toBeLessThan(20_000);
      expect(statSync(prepared.image.weights!.path).ino).toBe(statSync(files.model.path).ino);
      rmSync(files.model.path);
      const model = await openPrepared(prepared, { prepack });
      const { values } = await model.run({ rows: 1, columns: [['JFK'], BigInt64Array.of(0n), Float64Array.of(-900)] });
      expect(values[1]).toBeCloseTo(tinyProbability(dense, { origin: 'JFK', distance: -900 }), 5);
      await model.release();
    });

    it('is not opened when the weights changed after they were verified', async () => {
      const { image, ...prepared } = await onExecutor(writeTinyVersion(fresh(), dense));
      writeFileSync(image.weights!.path, 'changed');
      expect(await refusal(openPrepared({ ...prepared, image }))).toContain(`expected ${image.weights!.sha256}`);
    });

    it.each([
      ['its calls are short', { bias: 0, tableOf: 1_200_000 }, undefined],
      ['the host wants it', dense, 'http-thread'],
    ] as const)('makes an image in one piece where the thread that serves may execute it: %s', async (_, model, placement) => {
      const into = fresh();
      const { image } = await prepareVersion(writeTinyVersion(into, model), into, { placement });
      expect(image.weights).toBeUndefined();
      expect(readdirSync(into).filter((name) => /\.ort|\.split/.test(name))).toEqual([expect.stringMatching(/\.ort$/)]);
    });

    it('shares a table that is looked up on an executor', async () => {
      const files = writeTinyVersion(fresh(), { bias: 0, tableOf: 1_200_000 });
      const { image } = await onExecutor(files);
      expect(image.weights).toBeDefined();
    });

    it('is refused as a small one is when onnxruntime does not know a kernel of its graph', async () => {
      const { ModelProto } = onnxProto.onnx;
      const graph = ModelProto.decode(tinyGraph(dense));
      graph.graph!.node!.find(({ opType }) => opType === 'Sigmoid')!.opType = 'NoSuchKernel';
      const into = fresh();
      const files = writeVersion(into, ModelProto.encode(graph).finish(), tinyManifest, tinyGolden(dense));
      const refused = refusal(prepareVersion(files, into, { placement: 'executor-process' }));
      expect(await refused).toMatch(/onnxruntime does not accept its graph: .*NoSuchKernel/);
      expect(readdirSync(into).sort()).toEqual(['golden.json', 'manifest.json', 'model.onnx']);
    });

    it('is refused as a small one is when it reads a weight from a file beside it', async () => {
      const { ModelProto, StringStringEntryProto, TensorProto } = onnxProto.onnx;
      const graph = ModelProto.decode(tinyGraph(dense));
      const sum = graph.graph!.initializer!.find(({ dims, rawData }) => dims?.length === 2 && rawData?.byteLength === 4 * 1100)!;
      sum.rawData = new Uint8Array();
      sum.dataLocation = TensorProto.DataLocation.EXTERNAL;
      sum.externalData = [StringStringEntryProto.create({ key: 'location', value: 'weights.onnx' })];
      const files = writeVersion(fresh(), ModelProto.encode(graph).finish(), tinyManifest, tinyGolden(dense));
      expect(await refusal(onExecutor(files))).toContain('onnxruntime does not accept its graph');
    });
  });

  it('refuses a file that is not there', async () => {
    const files = writeTinyVersion(fresh(), { bias: 0 });
    rmSync(files.golden.path);
    expect(await refusal(prepare(files))).toContain('golden outputs cannot be read');
  });

  it('refuses bytes that are no graph', async () => {
    const files = writeVersion(fresh(), new TextEncoder().encode('not a graph'), tinyManifest, tinyGolden({ bias: 0 }));
    expect(await refusal(prepare(files))).toMatch(/onnxruntime does not accept its graph: .*[^.]\. Export the model again\.$/);
  });

  it.each(['weight.bin', '../weight.bin'])('refuses a graph that reads a weight from the file %s beside the model', async (location) => {
    const { ModelProto, StringStringEntryProto, TensorProto } = onnxProto.onnx;
    const graph = ModelProto.decode(tinyGraph({ bias: 0.5 }));
    const bias = graph.graph!.initializer!.find(({ rawData }) => Buffer.from(rawData!).equals(Buffer.from(Float32Array.of(0.5).buffer)))!;
    bias.rawData = new Uint8Array();
    bias.dataLocation = TensorProto.DataLocation.EXTERNAL;
    bias.externalData = [StringStringEntryProto.create({ key: 'location', value: location })];
    const files = writeVersion(fresh(), ModelProto.encode(graph).finish(), tinyManifest, tinyGolden({ bias: 0.5 }));
    for (const folder of [dirname(files.model.path), directory]) writeFileSync(join(folder, 'weight.bin'), Float32Array.of(0.5));
    expect(await refusal(prepare(files))).toContain('onnxruntime does not accept its graph');
    expect(readdirSync(directory).filter((name) => /\.tmp|\.model/.test(name))).toEqual([]);
  });

  it('names the inputs in which graph and manifest differ', async () => {
    const inputs = [...tinyManifest.inputs.slice(1), { ...tinyManifest.inputs[0], name: 'destination' }];
    const files = writeVersion(fresh(), tinyGraph({ bias: 0 }), { ...tinyManifest, inputs }, tinyGolden({ bias: 0 }));
    const message = await refusal(prepare(files));
    expect(message).toContain('the graph has no input destination');
    expect(message).toContain("the manifest does not name the graph's input origin");
  });

  it('refuses a version that brings no golden rows, since nothing can be verified', async () => {
    const files = writeVersion(fresh(), tinyGraph({ bias: 0 }), tinyManifest, { instances: [], outputs: [], tolerance: 1 });
    expect(await refusal(prepare(files))).toContain('0 golden inputs');
  });

  it('counts NaN as a difference', async () => {
    const golden = tinyGolden({ bias: 0 });
    const files = writeVersion(fresh(), tinyGraph({ bias: Number.NaN }), tinyManifest, golden);
    expect(await refusal(prepare(files))).toContain('computes NaN');
  });

  it('refuses a manifest of a format that it does not know', async () => {
    const files = writeVersion(fresh(), tinyGraph({ bias: 0 }), { ...tinyManifest, formatVersion: 2 as 1 }, tinyGolden({ bias: 0 }));
    expect(await refusal(prepare(files))).toContain('format version 1');
  });
});
