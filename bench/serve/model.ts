import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FittedFeature, FittedTransform, RawInput } from '../../contracts/dataset.js';
import type { GoldenOutputs, ModelManifest } from '../../contracts/model.js';
import { rowsToTensors } from '../../ml/data/read/raw-tensors.js';
import { layoutOf } from '../../ml/data/transform/transform-kinds.js';
import { encodeModelGraph } from '../../ml/export/model-graph.js';
import { openModel, predictClassesWith } from '../../ml/export/run-model.js';
import { buildNetwork } from '../../ml/models/build-network.js';
import { benchProfile } from './profile.js';
import { airports, benchRows } from './rows.js';
import type { VersionFiles } from '../../serving/loader/prepare-version.js';
import type { LocalFile } from '../../serving/loader/verified-file.js';

/** The shape of the flights' model: two airports, a timestamp taken apart, a distance; embeddings and a network. */

const inputs: readonly RawInput[] = [
  { name: 'origin', type: 'string', columnType: 'string', nullable: true },
  { name: 'destination', type: 'string', columnType: 'string', nullable: true },
  { name: 'distance', type: 'float64', columnType: 'float', nullable: true },
  { name: 'date', type: 'int64', columnType: 'timestamp', nullable: false },
];

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
  const parameters = network.initialParameters();
  const calibration = { kind: 'platt', slope: 1, intercept: 0 } as const;
  const { profile, score } = benchProfile();
  const model = encodeModelGraph({ transform, network, parameters, calibration, threshold: 0.5, anomaly: score }, {});
  const instances = benchRows(32);
  const tensors = rowsToTensors(inputs, instances);
  const session = await openModel(model, 1);
  const { values: outputs, anomaly: scores } = await predictClassesWith(session, tensors); // [32, 2], [32]
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
    profile,
    hasAnomaly: true,
  };
  const golden: GoldenOutputs = {
    instances,
    outputs: instances.map((_, row) => [...outputs.subarray(row * 2, row * 2 + 2)]),
    tolerance: 1e-4,
    anomaly: [...scores!],
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
