import { describe, expect, it } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { findRun, listRuns } from './runs.js';

/** A client whose server lists these executions in this order, as Temporal does: what runs first, then by the time of closing. */
function clientListing(...executions: readonly (readonly [workflowId: string, status: string, startedAt: string])[]): Client {
  const infos = executions.map(([workflowId, name, startedAt]) => ({
    workflowId,
    status: { name },
    startTime: new Date(startedAt),
    closeTime: name === 'RUNNING' ? undefined : new Date(startedAt),
    searchAttributes: {},
  }));
  const list = async function* () {
    yield* infos;
  };
  return { workflow: { list } } as unknown as Client;
}

const reset = clientListing(
  ['pipeline/churn/r1', 'RUNNING', '2026-01-01T00:10:00Z'],
  ['pipeline/churn/r2', 'COMPLETED', '2026-01-01T00:05:00Z'],
  ['pipeline/churn/r1', 'CANCELLED', '2026-01-01T00:00:00Z'],
);

describe('findRun', () => {
  it('finds a run that was reset in Temporal, of which there are two executions', async () => {
    expect(await findRun(reset, 'r1')).toBe('pipeline/churn/r1');
  });

  it('asks which one is meant when runs of two pipelines have one id', async () => {
    const client = clientListing(
      ['pipeline/churn/r1', 'RUNNING', '2026-01-01T00:00:00Z'],
      ['pipeline/other/r1', 'FAILED', '2026-01-01T00:00:00Z'],
    );
    await expect(findRun(client, 'r1')).rejects.toThrow(
      /several runs "r1"\. Give the workflow's id instead, for example pipeline\/churn\/r1/,
    );
  });

  it('says that there is none', async () => {
    await expect(findRun(reset, 'r3')).rejects.toThrow(/There is no run "r3"/);
  });
});

describe('listRuns', () => {
  it('lists a run that was reset once, as it is now', async () => {
    const runs = await listRuns(reset, { limit: 20 });
    expect(runs.map(({ run, state }) => [run, state])).toEqual([
      ['r1', 'running'],
      ['r2', 'completed'],
    ]);
  });

  it('counts a run that was reset once towards the limit', async () => {
    const twice = clientListing(
      ['pipeline/churn/r1', 'FAILED', '2026-01-01T00:10:00Z'],
      ['pipeline/churn/r1', 'FAILED', '2026-01-01T00:05:00Z'],
      ['pipeline/churn/r2', 'FAILED', '2026-01-01T00:00:00Z'],
    );
    expect((await listRuns(twice, { limit: 2 })).map(({ run }) => run)).toEqual(['r1', 'r2']);
  });
});
