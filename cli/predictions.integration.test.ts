import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { PredictionLog } from '../serving/prediction-log/prediction-log.js';
import { tinyManifest } from '../serving/testing/tiny-bundle.js';
import { S3Fixture } from '../stores/s3-fixture.js';
import { PredictionLogKeeper } from '../workers/inference/prediction-log-keeper.js';
import { projectRoot } from './project-root.js';

let s3: S3Fixture;
beforeAll(async () => {
  s3 = await S3Fixture.open();
});
afterAll(() => s3?.dispose());

test('anneal predictions reads the log of a host in S3 on another machine', async () => {
  const directory = join(s3.root, 'log');
  const log = new PredictionLog({ directory, onLost: () => undefined });
  const columns = [['SFO'], BigInt64Array.of(0n), Float64Array.of(100)];
  const outputs = { values: Float32Array.of(0.75, 0.25), classIndex: Int32Array.of(0) };
  log.record({ model: 'tiny', version: '3', manifest: tinyManifest }, { rows: 1, columns }, { outputs }, 1.5, 'r-1');
  await log.close();
  const keeping = { hostId: 'h-1', directory, scratchRoot: join(s3.root, 'scratch'), retentionDays: 30, logger: pino({ level: 'silent' }) };
  await new PredictionLogKeeper({ ...keeping, store: s3.store() }).collect();

  const env = {
    PATH: process.env.PATH,
    HOME: s3.root,
    ANNEAL_HOME: join(s3.root, 'home'),
    ANNEAL_ARTIFACT_STORE: `s3://${s3.bucket}/${s3.prefix.replace(/\/$/, '')}`,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_REGION: process.env.AWS_REGION ?? 'us-east-1',
    AWS_ACCESS_KEY_ID: process.env.AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: process.env.AWS_SECRET_ACCESS_KEY,
  };
  const anneal = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(projectRoot, 'cli', 'anneal.mjs'), 'predictions', ...args, '--json'], { env });
  const { rows } = JSON.parse((await anneal('tiny')).stdout) as { rows: unknown[] };
  expect(rows).toEqual([expect.objectContaining({ request_id: 'r-1', version: '3', prediction: 'on-time', input_distance: 100 })]);
  await expect(anneal('other')).rejects.toMatchObject({ stderr: expect.stringContaining(`in the artifact store s3://${s3.bucket}/`) });
});
