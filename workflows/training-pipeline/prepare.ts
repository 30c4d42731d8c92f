import type { PreparedDataset } from '../../contracts/dataset.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import type { ArtifactRef } from '../../contracts/reference.js';
import { data } from '../proxies.js';
import { count, type StageWithResult } from './staged.js';

/** The clean rows are split, and encoded by transforms that were fitted on the training part. */
export function prepare(spec: PipelineSpec, clean: ArtifactRef, staged: StageWithResult): Promise<PreparedDataset> {
  return staged(
    'prepare',
    () => data.prepareDataset.executeWithOptions({ summary: `split by ${spec.split.kind}` }, [{ clean, spec }]),
    (result) => {
      const { train, validation: held, test } = result.rows;
      const dropped = result.dropped.map(({ reason, rows }) => `${count(rows)} dropped (${reason})`);
      return [`train ${count(train)}, validation ${count(held)}, test ${count(test)}`, ...dropped].join(', ');
    },
  );
}
