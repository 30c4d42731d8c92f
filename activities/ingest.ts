import type { DataActivities } from '../contracts/activities.js';
import { ingestSource } from '../ml/data/ingest-source.js';
import { type DataDependencies, installationRoot, runDataStage } from './data-stage.js';
import { withActivityFailures } from './failures.js';

type IngestActivities = Pick<DataActivities, 'ingestSource'>;

/** `ingestSource` of queue `anneal-data`: a source becomes an immutable snapshot; the same source is read once. */
export function createIngestActivities(dependencies: DataDependencies): IngestActivities {
  const projectRoot = dependencies.projectRoot ?? installationRoot;
  return withActivityFailures<IngestActivities>({
    ingestSource: ({ source }) => runDataStage(dependencies, (context) => ingestSource(source, projectRoot, context)),
  });
}
