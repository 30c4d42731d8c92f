import { describe, expect, it } from '@jest/globals';
import { RunRecord } from './run-record.js';

const record = (): RunRecord =>
  new RunRecord({ pipeline: 'p', run: 'r', workflowId: 'pipeline/p/r', primaryMetric: 'auc', startedAtMs: 1000 });

describe('RunRecord', () => {
  it('tells each stage with its state, times and summary', () => {
    const run = record();
    run.begin('ingest', 1000);
    run.finish('ingest', 3500, '10 rows');
    run.begin('validate', 3500);
    const [ingest, validate, prepare] = run.status().stages;
    expect(ingest).toEqual({ name: 'ingest', state: 'done', startedAtMs: 1000, endedAtMs: 3500, summary: '10 rows' });
    expect(validate.state).toBe('running');
    expect(prepare.state).toBe('pending');
    expect(run.details()).toContain('| ingest | done | 2.5 s | 10 rows |');
  });

  it('marks the stage that was running as failed when the run fails', () => {
    const run = record();
    run.begin('ingest', 1000);
    run.end('failed', 2000, 'no such file');
    expect(run.status()).toMatchObject({ state: 'failed', reason: 'no such file', endedAtMs: 2000 });
    expect(run.status().stages[0]).toMatchObject({ state: 'failed', endedAtMs: 2000 });
    expect(run.status().stages[1].state).toBe('pending');
  });

  it('awaits approval and goes on', () => {
    const run = record();
    run.begin('promote', 1000);
    run.awaitApproval('promote');
    expect([run.awaitsApproval, run.status().state]).toEqual([true, 'awaiting-approval']);
    run.resume('promote');
    expect([run.awaitsApproval, run.status().state]).toEqual([false, 'running']);
  });

  it('gives metrics, version and duration as its result', () => {
    const run = record();
    run.learn({ test: { auc: 0.73 }, baseline: { auc: 0.5 }, version: '3' });
    run.end('promoted', 5000);
    expect(run.result(5000)).toMatchObject({
      run: 'r',
      status: 'promoted',
      model: 'p',
      version: '3',
      metrics: { test: { auc: 0.73 }, baseline: { auc: 0.5 } },
      durationMs: 4000,
    });
  });
});
