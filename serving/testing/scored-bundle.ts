import type { FittedFeature, FittedTransform, RawInput } from '../../contracts/dataset.js';
import type { ModelManifest } from '../../contracts/model.js';
import type { ServingSpec } from '../../contracts/pipeline.js';
import type { AnomalyScore, ColumnProfile } from '../../contracts/training-profile.js';
import { layoutOf } from '../../ml/data/transform/transform-kinds.js';
import { rowsToTensors } from '../../ml/data/read/raw-tensors.js';
import { encodeModelGraph } from '../../ml/export/model-graph.js';
import { openModel, predictClassesWith } from '../../ml/export/run-model.js';
import { buildNetwork } from '../../ml/models/build-network.js';
import type { VersionFiles } from '../loader/prepare-version.js';
import { writeVersion } from './tiny-bundle.js';

/** A real version that scores its rows: two origins, distances from 0 to 1,000, and surprisals that are easy to add. */

const inputs: readonly RawInput[] = [
  { name: 'origin', type: 'string', columnType: 'string', nullable: true },
  { name: 'date', type: 'int64', columnType: 'timestamp', nullable: false },
  { name: 'distance', type: 'float64', columnType: 'float', nullable: true },
];

const features: readonly FittedFeature[] = [
  { kind: 'categorical', name: 'from', input: 'origin', vocabulary: ['SFO', 'JFK'], dimension: 2 },
  { kind: 'calendar', name: 'month', input: 'date', part: 'month', dimension: 2 },
  { kind: 'numeric', name: 'far', input: 'distance', fill: 500, center: 500, scale: 250, missingIndicator: false },
];

const score: AnomalyScore = {
  indices: [{ feature: 'from', input: 'origin', values: [1, 3, 0, 0.5] }],
  numbers: [{ input: 'distance', present: { upTo: [-0.001, 1000], values: [4, 0, 4] }, missing: 2 }],
  scale: { upTo: [0, 1.5, 2.9, 3.9, 5], values: [0.125, 0.25, 0.5, 0.75, 0.9375, 1] },
};

const profile: readonly ColumnProfile[] = [
  { name: 'origin', hasMissing: false, categories: ['JFK', 'SFO'], typical: 'SFO' },
  { name: 'date', hasMissing: false, range: { min: Date.UTC(2001, 0, 1), max: Date.UTC(2001, 4, 1) }, typical: Date.UTC(2001, 1, 1) },
  { name: 'distance', hasMissing: false, range: { min: 0, max: 1000 }, typical: 400 },
];

/** Rows with the score that the sum of their surprisals gives. */
export const scoredRows = {
  ordinary: { row: { origin: 'SFO', date: '2001-03-01T10:00:00Z', distance: 100 }, anomaly: 0.125 },
  unusual: { row: { origin: 'JFK', date: '2001-03-01T10:00:00Z', distance: null }, anomaly: 0.5 },
  unseen: { row: { origin: 'XXX', date: '2001-03-01T10:00:00Z', distance: 100 }, anomaly: 0.75 },
  far: { row: { origin: 'SFO', date: '2001-03-01T10:00:00Z', distance: 90_000 }, anomaly: 0.9375 },
  both: { row: { origin: 'XXX', date: '2001-03-01T10:00:00Z', distance: -90_000 }, anomaly: 1 },
} as const;

/**
 * @param seed another seed is another network @param serving as a pipeline says it
 * @param isScored false: as a version from before rows were scored
 */
export async function writeScoredVersion(directory: string, seed: number, serving?: ServingSpec, isScored = true): Promise<VersionFiles> {
  const transform: FittedTransform = { formatVersion: 1, inputs, features, layout: layoutOf(features) };
  const network = buildNetwork({ family: 'linear' }, transform.layout, 1, seed);
  const calibration = { kind: 'platt', slope: 1, intercept: seed } as const;
  const graph = encodeModelGraph(
    { transform, network, parameters: network.initialParameters(), calibration, ...(isScored ? { anomaly: score } : {}) },
    {},
  );
  const instances = Object.values(scoredRows).map(({ row }) => row);
  const session = await openModel(graph, 1);
  const tensors = rowsToTensors(inputs, instances);
  const { values: outputs, anomaly: scores } = await predictClassesWith(session, tensors);
  const anomaly = scores ? { anomaly: [...scores] } : {};
  await session.release();
  const manifest: ModelManifest = {
    formatVersion: 1,
    name: 'scored',
    task: 'binary',
    classes: ['on-time', 'late'],
    inputs,
    layout: transform.layout,
    trainingPrior: [0.8, 0.2],
    dataDigest: '0'.repeat(64),
    ...(serving ? { serving } : {}),
    ...(isScored ? { profile, hasAnomaly: true } : {}),
  };
  const golden = {
    instances,
    outputs: instances.map((_, row) => [...outputs.subarray(2 * row, 2 * row + 2)]),
    tolerance: 1e-5,
    ...anomaly,
  };
  return writeVersion(directory, graph, manifest, golden);
}
