import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { ServingSpec } from '../../contracts/pipeline.js';
import type { PredictResult } from '../../contracts/serving.js';
import { entryLines } from '../prediction-log/entry-lines.js';
import type { SegmentLine } from '../prediction-log/logged-version.js';
import { headerOf, segmentEntries } from '../prediction-log/read-segment.js';
import { scoredRows, writeScoredVersion } from '../testing/scored-bundle.js';
import { startServingProcess } from '../testing/serving-process.js';

const directory = mkdtempSync(join(tmpdir(), 'anneal-logged-answers-'));
const log = join(directory, 'log');
let serving: Awaited<ReturnType<typeof startServingProcess>>;
beforeAll(async () => {
  serving = await startServingProcess({}, [], { start: { predictionLog: { directory: log, share: 1 } } });
  const specs: Record<string, ServingSpec> = {
    cautious: { degrade: { prior: true }, anomaly: { policy: 'fallback', threshold: 0.9 } },
    strict: { anomaly: { policy: 'reject', threshold: 0.9 } },
  };
  for (const [model, spec] of Object.entries(specs)) {
    await serving.stage(model, '1', await writeScoredVersion(join(directory, model), 0, spec));
    await serving.command('activate', { model, version: '1', epoch: 1 });
  }
});
afterAll(async () => {
  await serving.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function predict(model: string, id: string, instances: readonly object[]) {
  const headers = { 'content-type': 'application/json', 'x-request-id': id };
  const response = await fetch(`${serving.url}/v1/models/${model}:predict`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ instances }),
  });
  return { status: response.status, body: (await response.json()) as PredictResult };
}

it('the prediction log holds what was answered instead of what was held back, and nothing of what was refused', async () => {
  const { ordinary, far } = scoredRows;
  const mixed = await predict('cautious', 'mixed', [ordinary.row, far.row]);
  const replaced = await predict('cautious', 'replaced', [far.row]);
  expect((await predict('strict', 'refused', [far.row])).status).toBe(422);
  await predict('strict', 'taken', [ordinary.row]);
  await serving.command('drain', null);
  const lines: SegmentLine[] = [];
  for (const name of readdirSync(join(log, 'closed'))) {
    const path = join(log, 'closed', name);
    const header = (await headerOf(path))!;
    for (const entry of await segmentEntries(path)) {
      for (const line of entryLines(entry, header, 0)) lines.push(JSON.parse(line) as SegmentLine);
    }
  }
  const byId = new Map(lines.map((line) => [line.r, line]));
  expect([...byId.keys()].sort()).toEqual(['mixed', 'replaced', 'taken']);
  // The log holds all digits of the numbers of 32 bits that the answer has nine digits of.
  const probabilities = ({ body }: typeof mixed) => body.predictions.map(({ probability }) => Math.fround(probability!));
  expect(byId.get('mixed')).toMatchObject({
    n: 2,
    o1: probabilities(mixed),
    a: [ordinary.anomaly, far.anomaly],
    f: [false, true],
    d: [null, 'prior'],
  });
  expect(byId.get('replaced')).toMatchObject({ n: 1, o1: probabilities(replaced), f: [true], d: ['prior'] });
  expect(byId.get('taken')).toMatchObject({ f: [false] });
  expect(byId.get('taken')).not.toHaveProperty('d');
});
