import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FittedFeature, FittedTransform, RawInput } from '../../contracts/dataset.js';
import type { GoldenOutputs, ModelManifest } from '../../contracts/model.js';
import { rowsToTensors } from '../../ml/data/read/raw-tensors.js';
import { layoutOf } from '../../ml/data/transform/transform-kinds.js';
import { encodeModelGraph } from '../../ml/export/model-graph.js';
import { openModel, predictWith } from '../../ml/export/run-model.js';
import { buildNetwork } from '../../ml/models/build-network.js';
import type { VersionFiles } from '../../serving/loader/prepare-version.js';
import type { LocalFile } from '../../serving/prepared-version.js';

/** The shape of the flights' model: two airports, a timestamp taken apart, a distance; embeddings and a network. */

const inputs: readonly RawInput[] = [
  { name: 'origin', type: 'string', columnType: 'string', nullable: true },
  { name: 'destination', type: 'string', columnType: 'string', nullable: true },
  { name: 'distance', type: 'float64', columnType: 'float', nullable: true },
  { name: 'date', type: 'int64', columnType: 'timestamp', nullable: false },
];

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** 256 codes of airports. */
export const airports: readonly string[] = Array.from({ length: 256 }, (_, i) => `${letters[i >> 4]}${letters[i & 15]}X`);

export type Row = Readonly<Record<'origin' | 'destination', string>> & { readonly distance: number; readonly date: number };

/** Rows that repeat from run to run. */
export function benchRows(count: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    origin: airports[(i * 37) % airports.length],
    destination: airports[(i * 101 + 7) % airports.length],
    distance: 100 + ((i * 613) % 2400),
    date: Date.UTC(2001, 0, 1) + ((i * 7_919_000) % (180 * 86_400_000)),
  }));
}

/**
 * Write a version with untrained parameters, and with the golden outputs that it computes.
 *
 * @param hidden widths of the hidden layers: [128, 64] is the flights' network, [3072, 3072] a model of 40 MB
 * @param seed another seed is another model
 */
export async function writeBenchVersion(directory: string, hidden: readonly number[], seed: number): Promise<VersionFiles> {
  const category = { vocabulary: airports, dimension: 16 } as const;
  const features: readonly FittedFeature[] = [
    { kind: 'categorical', name: 'origin', input: 'origin', ...category },
    { kind: 'categorical', name: 'destination', input: 'destination', ...category },
    { kind: 'calendar', name: 'hour', input: 'date', part: 'hour', dimension: 8 },
    { kind: 'calendar', name: 'minute', input: 'date', part: 'minute', dimension: 8 },
    { kind: 'calendar', name: 'weekday', input: 'date', part: 'dayOfWeek', dimension: 4 },
    { kind: 'numeric', name: 'distance', input: 'distance', fill: 700, center: 700, scale: 500, missingIndicator: false },
  ];
  const transform: FittedTransform = { formatVersion: 1, inputs, features, layout: layoutOf(features) };
  const network = buildNetwork({ family: 'mlp', hidden: [...hidden], activation: 'relu' }, transform.layout, 1, seed);
  const model = encodeModelGraph(
    { transform, network, parameters: network.initialParameters(), calibration: { kind: 'platt', slope: 1, intercept: 0 }, threshold: 0.5 },
    {},
  );
  const instances = benchRows(32);
  const session = await openModel(model, 1);
  const outputs = await predictWith(session, rowsToTensors(inputs, instances)); // [32, 2]
  await session.release();
  const manifest: ModelManifest = {
    formatVersion: 1,
    name: 'flights',
    task: 'binary',
    classes: ['on-time', 'late'],
    threshold: 0.5,
    inputs,
    layout: transform.layout,
    trainingPrior: [0.8, 0.2],
    dataDigest: '0'.repeat(64),
  };
  const golden: GoldenOutputs = {
    instances,
    outputs: instances.map((_, row) => [...outputs.subarray(row * 2, row * 2 + 2)]),
    tolerance: 1e-4,
  };
  await mkdir(directory, { recursive: true });
  const write = async (name: string, bytes: Uint8Array): Promise<LocalFile> => {
    const path = join(directory, name);
    await writeFile(path, bytes);
    return { path, sha256: createHash('sha256').update(bytes).digest('hex') };
  };
  const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  return {
    model: await write('model.onnx', model),
    manifest: await write('manifest.json', json(manifest)),
    golden: await write('golden.json', json(golden)),
  };
}
