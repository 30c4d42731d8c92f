import type { Snapshot } from '../../contracts/dataset.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import { data } from '../proxies.js';
import type { RunRecord } from './run-record.js';
import { count, type StageWithResult } from './staged.js';

/** The source becomes an immutable snapshot; one that is known already is not read again. */
export function ingest(spec: PipelineSpec, staged: StageWithResult, record: RunRecord): Promise<Snapshot> {
  return staged(
    'ingest',
    () => readSource(spec),
    (result) => {
      record.learn({ dataDigest: result.digest });
      return `${count(result.rows)} rows${result.reused ? ', snapshot reused' : ''}`;
    },
  );
}

/** Read the source without a word about it; also when a run looks again whether it was mended. */
export function readSource(spec: PipelineSpec): Promise<Snapshot> {
  return data.ingestSource.executeWithOptions({ summary: spec.source.uri }, [{ source: spec.source }]);
}
