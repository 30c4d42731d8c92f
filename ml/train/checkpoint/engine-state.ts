import type { Network } from '../../models/network.js';
import type { OptimizerPlan } from '../optimizer/optimizer-plan.js';

/** Vectors that are carried from step to step, in the order of a checkpoint. */
export const stateNames = ['parameters', 'firstMoment', 'secondMoment', 'average'] as const;
export type StateName = (typeof stateNames)[number];
type CarriedName = Exclude<StateName, 'parameters'>;

/**
 * The complete state between two steps; what a checkpoint stores beside the cursor. Equal state, equal future.
 *
 * `parameters`: flat, in the network's order, with the statistics that are not trained at the end. `firstMoment`: Adam's, or the
 * velocity of a momentum. `secondMoment`: Adam's. `average`: of the parameters, which is validated and exported in their place.
 */
export type EngineState = { readonly parameters: Float32Array } & { readonly [name in CarriedName]?: Float32Array };

/** The same as tensors, or as whatever an engine holds. */
export type StateOf<T> = { readonly parameters: T } & { readonly [name in CarriedName]?: T };

export interface StateVector {
  readonly name: StateName;
  readonly size: number;
}

type Counts = Pick<Network, 'parameterCount' | 'trainedCount'>;

/** Vectors of a training's state, in the order in which engines carry them. */
export function stateVectors(optimizer: OptimizerPlan, { parameterCount, trainedCount }: Counts): readonly StateVector[] {
  const vectors: StateVector[] = [{ name: 'parameters', size: parameterCount }];
  if (optimizer.kind !== 'sgd' || optimizer.momentum > 0) vectors.push({ name: 'firstMoment', size: trainedCount });
  if (optimizer.kind !== 'sgd') vectors.push({ name: 'secondMoment', size: trainedCount });
  if (optimizer.averageDecay !== undefined) vectors.push({ name: 'average', size: parameterCount });
  return vectors;
}

/** @returns the state before the first step; fresh arrays */
export function initialState(optimizer: OptimizerPlan, network: Network): EngineState {
  return stateOf(stateVectors(optimizer, network), ({ name, size }) =>
    name === 'parameters' || name === 'average' ? network.initialParameters() : new Float32Array(size),
  );
}

/** The state of a network that only predicts: its parameters, and what a session takes beside them. */
export function predictingState(optimizer: OptimizerPlan, network: Counts, parameters: Float32Array): EngineState {
  return stateOf(stateVectors(optimizer, network), ({ name, size }) =>
    name === 'parameters' || name === 'average' ? parameters : new Float32Array(size),
  );
}

export function stateOf<T>(vectors: readonly StateVector[], make: (vector: StateVector, index: number) => T): StateOf<T> {
  return Object.fromEntries(vectors.map((vector, i) => [vector.name, make(vector, i)])) as unknown as StateOf<T>;
}

/** What predicts: the average where there is one. */
export function servedParameters<T>(state: StateOf<T>): T {
  return state.average ?? state.parameters;
}

/** @throws Error when a vector is missing or has another length */
export function checkState(vectors: readonly StateVector[], state: EngineState): void {
  for (const { name, size } of vectors) {
    const length = state[name]?.length ?? 0;
    if (length !== size) throw new Error(`the state's ${name} has ${length} elements, expected ${size}`);
  }
}
