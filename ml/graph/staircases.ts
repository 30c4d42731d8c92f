import type { Staircase } from '../../contracts/training-profile.js';
import type { Attribute, GraphBuilder } from './onnx-builder.js';

/** A staircase of one column. */
export interface ColumnStaircase {
  readonly column: number;
  readonly staircase: Staircase;
}

/**
 * Add up staircases of a matrix' columns: one node, a balanced tree of comparisons for each. What is not a number takes the last step.
 *
 * In float32 throughout: the node's attributes for float64 do not survive onnxruntime's own format.
 *
 * @param matrix name of a float32 [N, columns] value @returns name of a float32 [N, 1] value
 */
export function lowerStaircases(builder: GraphBuilder, matrix: string, staircases: readonly ColumnStaircase[], output?: string): string {
  const trees = new Trees();
  staircases.forEach((each, tree) => trees.add(tree, each));
  return builder.mlNode('TreeEnsembleRegressor', [matrix], trees.attributes(), output);
}

/** The attributes of a `TreeEnsembleRegressor`: a tree is an array of nodes, flattened into arrays of their fields. */
class Trees {
  readonly #tree: number[] = [];
  readonly #node: number[] = [];
  readonly #column: number[] = [];
  readonly #mode: string[] = [];
  readonly #threshold: number[] = [];
  readonly #whenTrue: number[] = [];
  readonly #whenFalse: number[] = [];
  readonly #leafTree: number[] = [];
  readonly #leafNode: number[] = [];
  readonly #leafValue: number[] = [];

  add(tree: number, { column, staircase }: ColumnStaircase): void {
    const { upTo, values } = merged(staircase);
    let next = 0;
    const build = (first: number, last: number): number => {
      const node = next++;
      const at = this.#tree.push(tree) - 1;
      const middle = (first + last) >> 1;
      const isLeaf = first === last;
      this.#node.push(node);
      this.#column.push(column);
      this.#mode.push(isLeaf ? 'LEAF' : 'BRANCH_LEQ');
      this.#threshold.push(isLeaf ? 0 : upTo[middle]);
      this.#whenTrue.push(0);
      this.#whenFalse.push(0);
      if (isLeaf) {
        this.#leafTree.push(tree);
        this.#leafNode.push(node);
        this.#leafValue.push(values[first]);
      } else {
        this.#whenTrue[at] = build(first, middle);
        this.#whenFalse[at] = build(middle + 1, last);
      }
      return node;
    };
    build(0, values.length - 1);
  }

  attributes(): Record<string, Attribute> {
    return {
      n_targets: 1,
      nodes_treeids: this.#tree,
      nodes_nodeids: this.#node,
      nodes_featureids: this.#column,
      nodes_modes: this.#mode,
      nodes_values: { floats: this.#threshold },
      nodes_truenodeids: this.#whenTrue,
      nodes_falsenodeids: this.#whenFalse,
      nodes_missing_value_tracks_true: this.#tree.map(() => 0),
      target_treeids: this.#leafTree,
      target_nodeids: this.#leafNode,
      target_ids: this.#leafTree.map(() => 0),
      target_weights: { floats: this.#leafValue },
    };
  }
}

/** Neighbouring steps of one height are one. */
function merged({ upTo, values }: Staircase): Staircase {
  const last = (i: number): boolean => i === values.length - 1 || values[i + 1] !== values[i];
  return { upTo: upTo.filter((_, i) => last(i)), values: values.filter((_, i) => last(i)) };
}
