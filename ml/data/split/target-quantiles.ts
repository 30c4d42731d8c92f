import { type PipelineSpec, quantilesOf } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';

/** Beyond so many rows an estimate (t-digest) is near enough, as for the features. */
const exactRows = 5_000_000;

/**
 * The quantiles of the target that the pipeline's loss names: what a model that knows nothing of a row predicts.
 *
 * @param column of the target in `from`
 * @param from relation with the training rows, with its condition
 * @returns none where no quantiles are predicted
 */
export async function targetQuantiles(
  session: DataSession,
  { training }: PipelineSpec,
  column: string,
  from: string,
  rows: number,
): Promise<number[]> {
  const quantiles = quantilesOf(training);
  if (!quantiles) return [];
  const estimate = rows > exactRows ? 'approx_quantile' : 'quantile_cont';
  const columns = quantiles.map((quantile, i) => `${estimate}(CAST(${column} AS DOUBLE), ${quantile}) AS q${i}`);
  // An estimate depends on the order of the rows.
  const [found] = await session.sequentially(() => session.rows(`SELECT ${columns.join(', ')} FROM ${from}`));
  return quantiles.map((_, i) => Number(found[`q${i}`]));
}
