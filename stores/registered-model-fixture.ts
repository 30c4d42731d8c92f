import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { RegisterInput, TrackedRun } from '../contracts/activities.js';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import type { RawInput } from '../contracts/dataset.js';
import type { EvaluationReport, GoldenOutputs, ModelBundle, ModelManifest } from '../contracts/model.js';
import type { PipelineSpec, ServingSpec } from '../contracts/pipeline.js';
import { rowsToTensors } from '../ml/data/read/raw-tensors.js';
import { GraphBuilder } from '../ml/graph/onnx-builder.js';

/** For tests: a tiny binary model from raw columns to prediction, with what a pipeline run would register of it. */

const inputs: readonly RawInput[] = [
  { name: 'origin', type: 'string', columnType: 'string', nullable: true },
  { name: 'date', type: 'int64', columnType: 'timestamp', nullable: false },
  { name: 'delay', type: 'float64', columnType: 'float', nullable: true },
];

const instances = [
  { origin: "O'Hare", date: '2001-06-01T12:00:00Z', delay: 12.5 },
  { origin: 'SFO', date: '2001-06-02T00:00:00Z', delay: -30 },
  { origin: 'elsewhere', date: '2001-06-03T00:00:00Z', delay: 0 },
];

/** @param bias makes another model */
function tinyModel(bias: number): Uint8Array {
  const graph = new GraphBuilder('tiny');
  for (const { name, type } of inputs) graph.input(name, type, ['N', 1]);
  const origin = graph.mlNode('LabelEncoder', ['origin'], {
    keys_strings: ["O'Hare", 'SFO'],
    values_floats: { floats: [0.5, -0.25] },
    default_float: { float: 0 },
  }); // [N, 1]
  const days = graph.node('Cast', [graph.node('Div', ['date', graph.scalar('int64', 86_400_000n)])], { to: 1 }); // [N, 1]
  const delay = graph.node('Mul', [graph.node('Cast', ['delay'], { to: 1 }), graph.scalar('float32', 0.02)]); // [N, 1]
  const season = graph.node('Mul', [days, graph.scalar('float32', 1e-5)]); // [N, 1]
  const logit = graph.node('Sum', [origin, delay, season, graph.scalar('float32', bias)]); // [N, 1]
  const positive = graph.node('Sigmoid', [logit]); // [N, 1]
  const negative = graph.node('Sub', [graph.scalar('float32', 1), positive]); // [N, 1]
  graph.node('Concat', [negative, positive], { axis: 1 }, 'probabilities'); // [N, 2]
  graph.node('ArgMax', ['probabilities'], { axis: 1, keepdims: 1 }, 'class_index'); // [N, 1]
  graph.output('probabilities', 'float32', ['N', 2]);
  graph.output('class_index', 'int64', ['N', 1]);
  return graph.encode();
}

export async function tinyBundle(
  store: ArtifactStore,
  bias = 0,
  serving?: ServingSpec,
): Promise<{ readonly bundle: ModelBundle; readonly golden: GoldenOutputs }> {
  const model = tinyModel(bias);
  const session = await InferenceSession.create(model);
  const tensors = Object.entries(rowsToTensors(inputs, instances)).map(([name, { type, data, dims }]) => [
    name,
    new Tensor(type, data, [...dims]),
  ]);
  const { probabilities } = await session.run(Object.fromEntries(tensors) as Record<string, Tensor>); // [N, 2]
  await session.release();
  const flat = probabilities.data as Float32Array;
  const golden: GoldenOutputs = { instances, outputs: instances.map((_row, i) => [flat[2 * i], flat[2 * i + 1]]), tolerance: 1e-5 };
  const manifest: ModelManifest = {
    formatVersion: 1,
    name: 'tiny',
    task: 'binary',
    classes: ['on time', 'late'],
    threshold: 0.5,
    inputs,
    layout: { categorical: [{ name: 'origin', size: 3, dimension: 2 }], numeric: ['date', 'delay'] },
    trainingPrior: [0.8, 0.2],
    dataDigest: 'd'.repeat(64),
    ...(serving ? { serving } : {}),
  };
  const bundle = { model: await store.putBytes(model), manifest: await store.putJson(manifest), golden: await store.putJson(golden) };
  return { bundle, golden };
}

export async function registerInput(
  store: ArtifactStore,
  { spec, tracked, workflowId, bundle }: { spec: PipelineSpec; tracked: TrackedRun; workflowId: string; bundle: ModelBundle },
): Promise<RegisterInput> {
  const report: EvaluationReport = {
    rows: 100,
    metrics: { auc: 0.73, brier: 0.15 },
    baseline: { auc: 0.5, brier: 0.16 },
    threshold: 0.5,
    slices: [],
    primaryMetric: 'auc',
  };
  return {
    spec,
    tracked,
    workflowId,
    startedAtMs: 1_700_000_000_000,
    bundle,
    evaluation: { report: await store.putJson(report), summary: report },
    training: {
      checkpoint: bundle.model,
      step: 200,
      epoch: 2,
      validation: { auc: 0.74 },
      history: [
        { step: 100, metrics: { loss: 0.6, 'validation/auc': 0.7 } },
        { step: 200, metrics: { loss: 0.5, 'validation/auc': 0.74 } },
      ],
      stopped: 'completed',
      engine: { name: 'onnxruntime', reason: 'every kernel has a lowering' },
      parametersDigest: 'p'.repeat(64),
      parameters: 7,
      rowsPerSecond: 1e6,
      durationMs: 1234,
      resumedAtStep: 0,
    },
    parameters: { 'training.learningRate': 0.01 },
    dataDigest: 'd'.repeat(64),
  };
}
