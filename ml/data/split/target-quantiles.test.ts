import { tmpdir } from 'node:os';
import { expect, it } from '@jest/globals';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import { withDataSession } from '../duckdb-session.js';
import { targetQuantiles } from './target-quantiles.js';

const specOf = (loss: object | undefined) => ({ training: { loss } }) as PipelineSpec;

it('gives the quantiles of the training rows that the loss names, exactly or by an estimate', async () => {
  await withDataSession({ scratchRoot: tmpdir() }, async (session) => {
    await session.run('CREATE TABLE part AS SELECT CAST(i AS FLOAT) AS y, i % 2 AS half FROM range(2001) AS rows(i)');
    const spec = specOf({ kind: 'quantile', quantiles: [0.1, 0.5, 0.9] });
    expect(await targetQuantiles(session, spec, 'y', 'part', 2001)).toEqual([200, 1000, 1800]);
    expect(await targetQuantiles(session, spec, 'y', 'part WHERE half = 1', 1000)).toEqual([
      expect.closeTo(200.8, 6),
      1000,
      expect.closeTo(1799.2, 6),
    ]);
    const estimate = await targetQuantiles(session, spec, 'y', 'part', 6_000_000);
    [200, 1000, 1800].forEach((exact, i) => expect(Math.abs(estimate[i] - exact)).toBeLessThan(20));
    expect(await targetQuantiles(session, specOf({ kind: 'squared' }), 'y', 'part', 2001)).toEqual([]);
    expect(await targetQuantiles(session, specOf(undefined), 'y', 'part', 2001)).toEqual([]);
  });
});
