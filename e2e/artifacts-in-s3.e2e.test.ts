import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RunResult } from '../contracts/training-pipeline.js';
import { createS3Client } from '../stores/s3-client.js';
import { s3Endpoint } from '../testing/servers.js';
import { TestStack } from './test-stack.js';

const bucket = `anneal-e2e-${process.pid}`;

/** From the source to a model that serves, with every artifact in S3: what a machine of its own would go through. */
describe('a stack whose artifacts are in S3', () => {
  let stack: TestStack;

  beforeAll(async () => {
    const endpoint = await s3Endpoint();
    process.env.AWS_ACCESS_KEY_ID ??= 'test';
    process.env.AWS_SECRET_ACCESS_KEY ??= 'test';
    const client = createS3Client({ endpoint });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    client.destroy();
    stack = await TestStack.create({ ANNEAL_ARTIFACT_STORE: `s3://${bucket}/team`, AWS_ENDPOINT_URL_S3: endpoint });
    await stack.up();
  });
  afterAll(async () => {
    await stack?.remove();
  });

  it('promotes a model, and goes on after the local copies of the artifacts are lost', async () => {
    const quick = ['--set', 'crossValidation=null', '--set', 'gates=[{"metric":"accuracy","min":0.8}]'];
    const first = await stack.json<RunResult>('run', 'penguins', '--wait', ...quick);
    expect(first).toMatchObject({ status: 'promoted', version: '1' });
    rmSync(join(stack.home, 'artifacts'), { recursive: true });
    const again = await stack.json<RunResult>('run', 'penguins', '--wait', ...quick);
    expect(again).toMatchObject({ status: 'promoted', version: '2', modelDigest: first.modelDigest });
    const report = join(stack.home, 'data.html');
    expect((await stack.anneal('report', again.run, '--output', report)).code).toBe(0);
    expect(existsSync(report)).toBe(true);
    const answer = await stack.json<{ version: string }>('predict', 'penguins', '{"Island":"Dream"}');
    expect(answer.version).toBe('2');
  });
});
