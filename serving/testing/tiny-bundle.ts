import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RawInput } from '../../contracts/dataset.js';
import type { GoldenOutputs, ModelManifest } from '../../contracts/model.js';
import { GraphBuilder } from '../../ml/graph/onnx-builder.js';
import type { VersionFiles } from '../loader/prepare-version.js';
import type { LocalFile } from '../loader/verified-file.js';

/** A real, tiny version for tests: late = sigmoid(bias + weight of the origin + distance / 1000), with the hour of the day read but not weighed. */

export interface TinyModel {
  readonly bias: number;
  /** Added to every golden output: other than 0, the version does not reproduce them. */
  readonly goldenError?: number;
  /** The graph computes NaN for rows of a larger distance. */
  readonly failsBeyond?: number;
  /**
   * The graph ends its process (SIGFPE) for rows of this date, milliseconds: onnxruntime 1.30 divides the least integer by −1, which
   * x86-64 has no answer to.
   */
  readonly crashesAt?: number;
  /** The distance goes through a square of so many weights a side, which leaves it as it is. */
  readonly squareOf?: number;
  /** The hour of the day is looked up in a table of so many zeros. */
  readonly tableOf?: number;
  /** The graph counts to 2^62 for rows of this date, milliseconds, which takes it some thousand years. */
  readonly hangsAt?: number;
}

export const tinyInputs: readonly RawInput[] = [
  { name: 'origin', type: 'string', columnType: 'string', nullable: true },
  { name: 'date', type: 'int64', columnType: 'timestamp', nullable: false },
  { name: 'distance', type: 'float64', columnType: 'float', nullable: false },
];

const originWeights: Readonly<Record<string, number>> = { SFO: 0.5, JFK: -0.25 };

/** What version `model` answers, by an implementation that shares nothing with the graph. */
export function tinyProbability(model: TinyModel, row: { readonly origin: string | null; readonly distance: number }): number {
  return 1 / (1 + Math.exp(-(model.bias + (originWeights[row.origin ?? ''] ?? 0) + row.distance / 1000)));
}

export function tinyGraph(model: TinyModel): Uint8Array {
  const graph = new GraphBuilder('tiny');
  const origin = graph.input('origin', 'string', ['N', 1]);
  const date = graph.input('date', 'int64', ['N', 1]);
  const distance = graph.input('distance', 'float64', ['N', 1]);
  const weight = graph.mlNode('LabelEncoder', [origin], {
    keys_strings: Object.keys(originWeights),
    values_floats: { floats: Object.values(originWeights) },
    default_float: { float: 0 },
  });
  const far = graph.node('Div', [graph.node('Cast', [distance], { to: 1 }), graph.scalar('float32', 1000)]); // [N, 1]
  const hour = graph.node('Mod', [graph.node('Div', [date, graph.scalar('int64', 3_600_000)]), graph.scalar('int64', 24)]); // [N, 1]
  const nothing = model.tableOf
    ? graph.node('Gather', [graph.constant('float32', new Float32Array(model.tableOf)), hour]) // [N, 1]
    : graph.node('Mul', [graph.node('Cast', [hour], { to: 1 }), graph.scalar('float32', 0)]); // [N, 1]
  const weighed = model.squareOf ? throughSquare(graph, far, model.squareOf) : far; // [N, 1]
  const terms = [weight, weighed, nothing, graph.scalar('float32', model.bias)];
  if (model.failsBeyond !== undefined) {
    const room = graph.node('Sub', [graph.scalar('float32', model.failsBeyond / 1000), far]); // [N, 1]
    terms.push(graph.node('Mul', [graph.node('Sqrt', [room]), graph.scalar('float32', 0)])); // [N, 1]: 0, or NaN
  }
  if (model.crashesAt !== undefined) {
    const isMeant = graph.node('Cast', [graph.node('Equal', [date, graph.scalar('int64', model.crashesAt)])], { to: 7 }); // [N, 1]
    const divisor = graph.node('Sub', [graph.scalar('int64', 1), graph.node('Mul', [isMeant, graph.scalar('int64', 2)])]); // ±1
    const quotient = graph.node('Div', [graph.scalar('int64', -(2n ** 63n)), divisor]); // [N, 1]
    terms.push(graph.node('Mul', [graph.node('Cast', [quotient], { to: 1 }), graph.scalar('float32', 0)])); // [N, 1]: 0
  }
  if (model.hangsAt !== undefined) terms.push(endless(graph, graph.node('Equal', [date, graph.scalar('int64', model.hangsAt)])));
  const sum = graph.node('Sum', terms); // [N, 1]
  const late = graph.node('Sigmoid', [sum]); // [N, 1]
  const onTime = graph.node('Sub', [graph.scalar('float32', 1), late]); // [N, 1]
  graph.node('Concat', [onTime, late], { axis: 1 }, 'probabilities'); // [N, 2]
  graph.node('Cast', [graph.node('GreaterOrEqual', [late, graph.scalar('float32', 0.5)])], { to: 7 }, 'class_index'); // [N, 1]
  graph.output('probabilities', 'float32', ['N', 2]);
  graph.output('class_index', 'int64', ['N', 1]);
  return graph.encode();
}

/** @param value [N, 1] @returns a name of the same values, [N, 1], spread over `side` numbers and added up again */
function throughSquare(graph: GraphBuilder, value: string, side: number): string {
  const identity = new Float32Array(side * side);
  for (let i = 0; i < side; i++) identity[i * side + i] = 1;
  const spread = graph.node('MatMul', [value, graph.constant('float32', new Float32Array(side).fill(1 / side), [1, side])]); // [N, side]
  const same = graph.node('MatMul', [spread, graph.constant('float32', identity, [side, side])]); // [N, side]
  return graph.node('MatMul', [same, graph.constant('float32', new Float32Array(side).fill(1), [side, 1])]);
}

/** @param isMeant [N, 1] @returns a name of zero, shape []; never computed where a row is meant */
function endless(graph: GraphBuilder, isMeant: string): string {
  const any = graph.node('ReduceMax', [graph.node('Cast', [isMeant], { to: 7 })], { keepdims: 0 }); // []
  const turns = graph.node('Mul', [any, graph.scalar('int64', 2n ** 62n)]); // []
  const body = graph.subgraph('turn');
  body.input('turn', 'int64', []);
  body.input('goes_on', 'bool', []);
  body.input('count', 'float32', []);
  body.node('Identity', ['goes_on'], {}, 'goes_on_next');
  body.node('Add', ['count', body.scalar('float32', 1)], {}, 'count_next');
  body.output('goes_on_next', 'bool', []);
  body.output('count_next', 'float32', []);
  return graph.node('Mul', [graph.node('Loop', [turns, '', graph.scalar('float32', 0)], { body }), graph.scalar('float32', 0)]); // []
}

export const tinyManifest: ModelManifest = {
  formatVersion: 1,
  name: 'tiny',
  task: 'binary',
  classes: ['on-time', 'late'],
  threshold: 0.5,
  inputs: tinyInputs,
  layout: { categorical: [], numeric: [] },
  trainingPrior: [0.8, 0.2],
  dataDigest: '0'.repeat(64),
};

export function tinyGolden(model: TinyModel): GoldenOutputs {
  const instances = [
    { origin: 'SFO', date: '2001-06-15T17:30:00', distance: 100 },
    { origin: 'XXX', date: 992_626_200_000, distance: -400 },
    { origin: null, date: '2001-01-01T00:00:00Z', distance: 2500 },
  ];
  const late = instances.map((row) => tinyProbability(model, row) + (model.goldenError ?? 0));
  return { instances, outputs: late.map((p) => [1 - p, p]), tolerance: 1e-5 };
}

/** Write a version's three files. */
export function writeTinyVersion(directory: string, model: TinyModel): VersionFiles {
  return writeVersion(directory, tinyGraph(model), tinyManifest, tinyGolden(model));
}

export function writeVersion(directory: string, graph: Uint8Array, manifest: ModelManifest, golden: GoldenOutputs): VersionFiles {
  mkdirSync(directory, { recursive: true });
  const write = (name: string, bytes: Uint8Array): LocalFile => {
    const path = join(directory, name);
    writeFileSync(path, bytes);
    return { path, sha256: createHash('sha256').update(bytes).digest('hex') };
  };
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  return {
    model: write('model.onnx', graph),
    manifest: write('manifest.json', json(manifest)),
    golden: write('golden.json', json(golden)),
  };
}
