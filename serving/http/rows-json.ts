import type { ModelManifest } from '../../contracts/model.js';
import { JsonBytes, longestNumber } from './json-bytes.js';
import type { ComputedRows } from '../predictions.js';
import { labelFlags, outputWidth, rowValues } from '../tensors.js';

/**
 * The JSON of a `PredictResult`, without an object for each row. Its numbers have as many digits as they have in 32 bits.
 *
 * @returns UTF-8 as a text with a character for each byte (`latin1`)
 */
export function rowsJson(model: string, computed: ComputedRows): string {
  const { manifest, version, outputs, degraded, anomalous } = computed;
  const { values, classIndex, anomaly } = outputs;
  const pieces = piecesOf(manifest);
  const head = headOf(pieces, model, version);
  const tail = degraded || anomalous ? markedEnd(degraded, anomalous) : end;
  const width = outputWidth(manifest);
  const rows = values.length / width;
  const json = new JsonBytes(head.length + tail.length + rows * pieces.mostRowBytes);
  json.piece(head);
  const { task, quantiles } = manifest;
  const medians = task === 'regression' ? rowValues(manifest, outputs) : undefined;
  const flags = task === 'multilabel' ? labelFlags(manifest, outputs) : undefined;
  // Binary: the positive class is the second and last one, and its probability is the row's.
  const positive = task === 'binary' ? width - 1 : -1;
  for (let row = 0; row < rows; row++) {
    if (row > 0) json.piece(comma);
    const from = row * width;
    let probabilityAt = 0;
    let probabilityEnd = 0;
    if (flags) {
      for (let k = 0; k < width; k++) json.piece(flags[from + k] === 1 ? pieces.yes[k] : pieces.no[k]);
      json.piece(pieces.behindLabels);
    } else if (classIndex) {
      json.piece(pieces.labels[classIndex[row]]);
      if (positive >= 0) {
        probabilityAt = json.length;
        json.float32(values[from + positive]);
        probabilityEnd = json.length;
        json.piece(pieces.behindProbability);
      }
    } else {
      json.piece(pieces.value);
      json.float32(medians![row]);
    }
    if (pieces.names.length > 0) {
      for (let k = 0; k < width; k++) {
        json.piece(pieces.names[k]);
        if (k === positive) json.again(probabilityAt, probabilityEnd);
        else json.float32(values[from + k]);
      }
      if (task !== 'regression' || quantiles) json.piece(close);
    }
    if (anomaly) {
      json.piece(anomalyName);
      json.float32(anomaly[row]);
    }
    json.piece(close);
  }
  json.piece(tail);
  return json.take();
}

/** What stands between the numbers of a row, encoded once for each version. */
interface Pieces {
  /** From the beginning of a row to its first number: by class; of a regression. */
  readonly labels: readonly Uint8Array[];
  readonly value: Uint8Array;
  /** `"name":true`, `"name":false`, with what stands before them. */
  readonly yes: readonly Uint8Array[];
  readonly no: readonly Uint8Array[];
  readonly behindLabels: Uint8Array;
  readonly behindProbability: Uint8Array;
  /** Of the probabilities, or of the quantiles, with what stands before them. */
  readonly names: readonly Uint8Array[];
  readonly mostRowBytes: number;
  /** Before the rows of the last answer: the next one hardly ever names another model or version. */
  head?: { readonly model: string; readonly version: string; readonly bytes: Uint8Array };
}

const comma = Buffer.from(',');
const close = Buffer.from('}');
const end = Buffer.from(']}');
const anomalyName = Buffer.from(',"anomaly":');

const written = new WeakMap<ModelManifest, Pieces>();

function headOf(pieces: Pieces, model: string, version: string): Uint8Array {
  const { head } = pieces;
  if (head?.model === model && head.version === version) return head.bytes;
  const bytes = Buffer.from(`{"model":${JSON.stringify(model)},"version":${JSON.stringify(version)},"predictions":[`);
  pieces.head = { model, version, bytes };
  return bytes;
}

function markedEnd(degraded: ComputedRows['degraded'], anomalous: ComputedRows['anomalous']): Uint8Array {
  return Buffer.from(`]${degraded ? `,"degraded":"${degraded}"` : ''}${anomalous ? `,"anomalous":[${anomalous.join(',')}]` : ''}}`);
}

function piecesOf(manifest: ModelManifest): Pieces {
  let pieces = written.get(manifest);
  if (!pieces) written.set(manifest, (pieces = writePieces(manifest)));
  return pieces;
}

function writePieces(manifest: ModelManifest): Pieces {
  const { task, classes, quantiles = [] } = manifest;
  const names = classes.map((name) => JSON.stringify(name));
  const bytes = (texts: readonly string[]): Uint8Array[] => texts.map((text) => Buffer.from(text));
  const behind = task === 'binary' ? '' : '"probabilities":{';
  const flag = (is: boolean): Uint8Array[] => bytes(names.map((name, k) => `${k > 0 ? ',' : '{"labels":{'}${name}:${is}`));
  const opened = task === 'regression' ? ',"quantiles":{' : '';
  const numbered = task === 'regression' ? quantiles.map((quantile) => JSON.stringify(String(quantile))) : names;
  const parts = {
    labels: bytes(names.map((name) => `{"label":${name},${task === 'binary' ? '"probability":' : behind}`)),
    value: Buffer.from('{"value":'),
    yes: flag(true),
    no: flag(false),
    behindLabels: Buffer.from('},"probabilities":{'),
    behindProbability: Buffer.from(',"probabilities":{'),
    names: bytes(numbered.map((name, k) => `${k > 0 ? ',' : opened}${name}:`)),
  };
  const length = (lists: readonly (readonly Uint8Array[])[]): number => lists.flat().reduce((sum, piece) => sum + piece.length, 0);
  // More than a row has of them: one label, yes or no.
  const text = length([parts.labels, [parts.value], parts.yes, parts.no, [parts.behindLabels, parts.behindProbability], parts.names]);
  const around = comma.length + 3 * close.length + anomalyName.length;
  return { ...parts, mostRowBytes: text + around + (numbered.length + 3) * longestNumber };
}
