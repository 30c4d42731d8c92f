import type { FittedTransform } from '../../../contracts/dataset.js';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { trainingRows } from './fit-transform.js';
import { internalPrefix } from '../validate/schema-check.js';
import { outOfFoldColumns } from '../transform/fit-target-encoding.js';
import { encodedColumns, type EncodedColumns } from '../transform/transform-kinds.js';
import type { NumberSql } from '../transform/transform-kind.js';

export interface TrainingEncoding {
  /** What to encode: the training rows in their order. */
  readonly relation: string;
  readonly columns: EncodedColumns;
  /** Float columns that differ from what the graph says of the same rows, by design. */
  readonly differing: ReadonlySet<string>;
}

const position = `${internalPrefix}position`;

/**
 * How the training rows become the model's matrices. As all other rows, but for target encodings, which leave out the
 * row's own fold.
 *
 * @param relation name of the view that the transform was fitted on
 */
export async function trainingEncoding(
  session: DataSession,
  relation: string,
  spec: PipelineSpec,
  transform: FittedTransform,
  rows: number,
): Promise<TrainingEncoding> {
  const encodings = transform.features.filter((feature) => feature.kind === 'target-encoding');
  if (encodings.length === 0) return { relation, columns: encodedColumns(transform), differing: new Set() };
  const numbered = `${relation}_numbered`;
  await session.run(`CREATE OR REPLACE VIEW ${numbered} AS SELECT *, row_number() OVER () - 1 AS ${position} FROM ${relation}`);
  const instead = await session.sequentially(async () => {
    const training = await trainingRows(session, numbered, spec, rows);
    const sql = new Map<string, readonly NumberSql[]>();
    for (const fitted of encodings) {
      const feature = spec.features[fitted.name];
      if (feature.kind !== 'categorical') continue;
      const input = transform.inputs.find(({ name }) => name === fitted.input)!;
      sql.set(fitted.name, await outOfFoldColumns(session, training, position, feature, input, fitted));
    }
    return sql;
  });
  return {
    relation: numbered,
    columns: encodedColumns(transform, instead),
    differing: new Set(encodings.flatMap(({ columns }) => columns)),
  };
}
