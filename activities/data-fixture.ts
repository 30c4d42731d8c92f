import type { ValidationResult } from '../contracts/activities.js';
import type { PreparedDataset } from '../contracts/dataset.js';
import { definePipeline, type PipelineInput, type PipelineSpec } from '../contracts/pipeline.js';
import type { ArtifactRef } from '../contracts/reference.js';
import { IngestFixture } from './ingest-fixture.js';
import { createPrepareActivities } from './prepare.js';
import { createValidateActivities } from './validate.js';

export { failureOf, fixtureRows } from './ingest-fixture.js';

/** An `IngestFixture` with the further activities of the data. */
export class DataFixture extends IngestFixture {
  async matrix(ref: ArtifactRef | undefined): Promise<{ integers: number[]; floats: number[] }> {
    const bytes = Uint8Array.from(await this.store.readBytes(ref!));
    return { integers: Array.from(new Int32Array(bytes.buffer)), floats: Array.from(new Float32Array(bytes.buffer)) };
  }

  async validate(spec: PipelineSpec, environment = this.environment()): Promise<ValidationResult> {
    const snapshot = await this.ingest(spec.source);
    return environment.run(createValidateActivities(this.dependencies).validateDataset, { snapshot, spec });
  }

  async prepare(spec: PipelineSpec, environment = this.environment()): Promise<PreparedDataset> {
    const { clean } = await this.validate(spec);
    return environment.run(createPrepareActivities(this.dependencies).prepareDataset, { clean: clean!, spec });
  }
}

/** A small pipeline over columns `when`, `amount`, `kind`; everything can be replaced. */
export function pipelineOf(uri: string, changes: Partial<PipelineInput> = {}): PipelineSpec {
  return definePipeline({
    name: 'fixture',
    source: { format: 'parquet', uri },
    columns: {
      when: { type: 'timestamp' },
      amount: { type: 'float', nullable: true },
      kind: { type: 'string' },
    },
    expectations: { minRows: 10, minRowsPerClass: 2 },
    target: { task: 'binary', name: 'large', expression: 'amount > 50' },
    split: { kind: 'random' },
    features: {
      kind: { kind: 'categorical', column: 'kind', minCount: 1 },
      hour: { kind: 'calendar', column: 'when', part: 'hour' },
    },
    model: { family: 'linear' },
    ...changes,
  });
}
