import type { ModelManifest } from '../../contracts/model.js';
import { lowerPixels } from '../../ml/graph/lower-pixels.js';
import { GraphBuilder } from '../../ml/graph/onnx-builder.js';
import type { VersionFiles } from '../loader/prepare-version.js';
import { writeVersion } from './tiny-bundle.js';

/** A real version of tiny images: value = the brightness of the first pixel plus ten times that of the last one. */

const shape = { height: 2, width: 3, channels: 1 };

export const lightManifest: ModelManifest = {
  formatVersion: 1,
  name: 'light',
  task: 'regression',
  classes: [],
  inputs: [{ name: 'picture', type: 'uint8', columnType: 'image', nullable: false, ...shape, range: [0, 1] }],
  layout: { categorical: [], numeric: [], image: { name: 'picture', ...shape } },
  trainingPrior: [0.5, 0.2],
  dataDigest: '0'.repeat(64),
};

/** Of an image whose value is 3. */
export const lightBytes = Uint8Array.of(255, 1, 2, 3, 4, 51);
export const lightGolden = { instances: [{ picture: Buffer.from(lightBytes).toString('base64') }], outputs: [[3]], tolerance: 1e-5 };

export function writeLightVersion(directory: string): VersionFiles {
  const graph = new GraphBuilder('light');
  const pixels = lowerPixels(graph, graph.input('picture', 'uint8', ['N', 2, 3, 1]), -1, shape);
  const flat = graph.node('Reshape', [pixels, graph.constant('int64', [-1, 6])]); // [N, 6]
  graph.node('MatMul', [flat, graph.constant('float32', [1, 0, 0, 0, 0, 10], [6, 1])], {}, 'value'); // [N, 1]
  graph.output('value', 'float32', ['N', 1]);
  return writeVersion(directory, graph.encode(), lightManifest, lightGolden);
}
