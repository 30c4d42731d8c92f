import { join } from 'node:path';
import { ingestSource } from '../../ml/data/ingest/ingest-source.js';
import { prepareDataset } from '../../ml/data/prepare/prepare-dataset.js';
import { validateDataset } from '../../ml/data/validate/validate-dataset.js';
import flightDelay from '../../pipelines/flight-delay.js';
import { FileArtifactStore } from '../../stores/file-artifact-store.js';
import type { Stage } from './measurement.js';

/** The stages of the shipped pipeline `flight-delay` on another file of flights, in this process. */
export async function runAnneal(
  source: string,
  directory: string,
  timed: (stage: Stage, work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const context = { store: new FileArtifactStore(join(directory, 'store')), scratchRoot: directory };
  const spec = { ...flightDelay, source: { ...flightDelay.source, uri: source } };
  let snapshot: Awaited<ReturnType<typeof ingestSource>>;
  let validation: Awaited<ReturnType<typeof validateDataset>>;
  await timed('ingest', async () => {
    snapshot = await ingestSource(spec.source, directory, context);
  });
  await timed('validate', async () => {
    validation = await validateDataset({ snapshot, spec }, context);
    if (!validation.passed) throw new Error(validation.refusal);
  });
  await timed('prepare', async () => {
    await prepareDataset({ clean: validation.clean!, spec }, context);
  });
}
