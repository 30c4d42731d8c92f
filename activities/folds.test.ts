import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PreparedFolds } from '../contracts/cross-validation.js';
import type { FittedTransform, PreparedDataset, PreparedManifest } from '../contracts/dataset.js';
import type { PipelineInput, PipelineSpec } from '../contracts/pipeline.js';
import { DataFixture, failureOf, fixtureRows, pipelineOf } from './data-fixture.js';
import { createPrepareActivities } from './prepare.js';

let fixture: DataFixture;
beforeEach(() => {
  fixture = new DataFixture();
});
afterEach(() => fixture.dispose());

const features = {
  kind: { kind: 'categorical', column: 'kind', minCount: 1 },
  amount: { kind: 'numeric', column: 'amount' },
} as const satisfies PipelineInput['features'];

async function foldsOf(spec: PipelineSpec): Promise<{ result: PreparedFolds; main: PreparedManifest; manifests: PreparedManifest[] }> {
  const { clean } = await fixture.validate(spec);
  const activities = createPrepareActivities({ store: fixture.store, scratchRoot: fixture.scratchRoot });
  const { manifest: prepared } = (await fixture.environment().run(activities.prepareDataset, { clean: clean!, spec })) as PreparedDataset;
  const result = (await fixture.environment().run(activities.prepareFolds, { clean: clean!, spec, prepared })) as PreparedFolds;
  const manifests = await Promise.all(result.folds.map((fold) => fixture.store.readJson<PreparedManifest>(fold.prepared)));
  return { result, main: await fixture.store.readJson<PreparedManifest>(prepared), manifests };
}

describe('prepareFolds', () => {
  it('holds every row of training and validation out once, and none of the test', async () => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(2000));
    const { result, main, manifests } = await foldsOf(pipelineOf(uri, { features, crossValidation: { kind: 'k-fold', folds: 4 } }));
    const learned = main.train.rows + main.validation.rows;
    expect(result.folds.map(({ fold }) => fold)).toEqual([1, 2, 3, 4]);
    for (const { rows } of result.folds) expect(rows.train + rows.validation + rows.heldOut).toBe(learned);
    expect(result.folds.reduce((sum, { rows }) => sum + rows.heldOut, 0)).toBe(learned);
    const found = await fixture.rows(
      result.assignment,
      'SELECT count(*) AS n, count(DISTINCT row) AS d, min(fold) AS low, max(fold) AS high FROM data',
    );
    expect(found).toEqual([{ n: BigInt(learned), d: BigInt(learned), low: 1, high: 4 }]);
    for (const [i, manifest] of manifests.entries()) {
      expect(manifest.test).toEqual(main.test);
      const [{ n }] = await fixture.rows(result.assignment, `SELECT count(*) AS n FROM data WHERE fold = ${i + 1}`);
      expect(manifest.heldOut!.rows).toBe(Number(n));
    }
  });

  it("fits each fold's transforms on its own training rows", async () => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(600));
    const { manifests } = await foldsOf(pipelineOf(uri, { features, crossValidation: { kind: 'k-fold', folds: 3 } }));
    const centers = await Promise.all(
      manifests.map(async ({ transform, train }) => {
        const [number] = (await fixture.store.readJson<FittedTransform>(transform)).features.filter(({ kind }) => kind === 'numeric');
        const { floats } = await fixture.matrix(train.numeric);
        expect(floats.reduce((sum, value) => sum + value, 0) / floats.length).toBeCloseTo(0, 5);
        return (number as { center: number }).center;
      }),
    );
    expect(new Set(centers).size).toBe(3);
  });

  it('finds folds that were prepared before, and makes the same again elsewhere', async () => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(500));
    const spec = pipelineOf(uri, { features, crossValidation: { kind: 'k-fold', folds: 3, stratify: true } });
    const { result, manifests } = await foldsOf(spec);
    expect((await foldsOf({ ...spec, crossValidation: { ...spec.crossValidation!, concurrency: 7 } })).result).toEqual(result);
    await fixture.store.remove(manifests[1].heldOut!.target);
    expect((await foldsOf(spec)).result).toEqual(result);
  });

  it('gives each fold the same share of each class when they are stratified', async () => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(1000));
    const split = { kind: 'random', stratify: true } as const;
    const { manifests } = await foldsOf(
      pipelineOf(uri, { features, split, crossValidation: { kind: 'k-fold', folds: 5, stratify: true } }),
    );
    const positives = await Promise.all(
      manifests.map(async ({ heldOut }) => (await fixture.matrix(heldOut!.target)).floats.filter((value) => value === 1).length),
    );
    expect(Math.max(...positives) - Math.min(...positives)).toBeLessThanOrEqual(1);
  });

  it('keeps the groups of a group split together in the folds', async () => {
    const uri = await fixture.parquet('a.parquet', `SELECT *, 's' || (hash("when") % 40)::VARCHAR AS site FROM (${fixtureRows(2000)})`);
    const columns = { ...pipelineOf(uri).columns, site: { type: 'string' as const } };
    const spec = pipelineOf(uri, {
      columns,
      features: { site: { kind: 'categorical', column: 'site', minCount: 1 } },
      split: { kind: 'group', columns: ['site'] },
      crossValidation: { kind: 'k-fold', folds: 3 },
    });
    const { manifests } = await foldsOf(spec);
    for (const { heldOut } of manifests) {
      // A group that is held out is unknown to the transform of its fold: index 1.
      const { integers } = await fixture.matrix(heldOut!.categorical);
      expect(integers.every((index) => index === 1)).toBe(true);
    }
  });

  it('trains on what lies before a gap before the rows that it holds out, in a time series', async () => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(1200));
    const split = {
      kind: 'time',
      column: 'when',
      train: { from: '1969-12-01', until: '1970-01-01' },
      validation: { from: '1970-01-01', until: '1970-01-10' },
      test: { from: '1970-01-10', until: '1970-01-20' },
    } as const;
    const spec = pipelineOf(uri, { features, split, crossValidation: { kind: 'time-series', folds: 3, gap: '2 days' } });
    const { result } = await foldsOf(spec);
    // 960 hours lie before the test part: four blocks of 240, less 48 hours of gap before each that is held out.
    expect(result.folds.map(({ rows }) => rows.heldOut)).toEqual([240, 240, 241]);
    expect(result.folds.map(({ rows }) => rows.train + rows.validation)).toEqual([191, 431, 671]);
    for (const { rows } of result.folds) expect(rows.validation / (rows.train + rows.validation)).toBeCloseTo(0.225, 1);
  });

  it('says which fold has too few rows', async () => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(60));
    const failure = await failureOf(
      foldsOf(pipelineOf(uri, { features, split: { kind: 'random', stratify: true }, crossValidation: { kind: 'k-fold', folds: 50 } })),
    );
    expect(failure).toMatchObject({ type: 'InvalidData', nonRetryable: true });
    expect(failure.message).toMatch(/Fold \d+ of 50.*fewer folds/);
  });
});
