import type { GraphBuilder } from '../../graph/onnx-builder.js';
import type { Network } from '../../models/network.js';

/** Take the flat vector apart. @returns names of the parameters, in the network's order and shapes */
export function lowerParameters(builder: GraphBuilder, { parameters }: Pick<Network, 'parameters'>, flat: string): readonly string[] {
  const parts = parameters.map(({ name }) => builder.unique(name));
  const sizes = parameters.map(({ size }) => size);
  builder.nodeWithOutputs('Split', [flat, builder.constant('int64', sizes)], parts, { axis: 0 });
  return parameters.map(({ shape }, i) => builder.node('Reshape', [parts[i], builder.constant('int64', shape)]));
}
