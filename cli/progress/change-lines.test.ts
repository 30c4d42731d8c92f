import { describe, expect, test } from '@jest/globals';
import { ChangeLines } from './change-lines.js';
import { fullDisk, halfTrained, runAt, sweepOfTwo } from './run-fixture.js';

describe('ChangeLines', () => {
  test('says each change once', () => {
    const changes = new ChangeLines();
    expect(changes.next({ status: runAt('ingest'), trainings: [] }, 1500)).toEqual(['[  500 ms] ingest …']);
    expect(changes.next({ status: runAt('ingest'), trainings: [] }, 2000)).toEqual([]);
    expect(changes.next({ status: runAt('validate'), trainings: [] }, 12_000)).toEqual([
      '[  11.0 s] ingest done in 10.0 s: ingest went well',
      '[  11.0 s] validate …',
    ]);
  });

  test('says what a stage does now, and when it goes on to what its name says', () => {
    const changes = new ChangeLines();
    const evaluating = runAt('evaluate');
    const exporting = {
      ...evaluating,
      stages: evaluating.stages.map((stage) => (stage.name === 'evaluate' ? { ...stage, summary: 'export of the model' } : stage)),
    };
    const said = [exporting, exporting, evaluating, evaluating].map((status) => changes.next({ status, trainings: [] }, 51_000));
    expect(said.map((lines) => lines.filter((line) => line.includes('evaluate')).map((line) => line.slice(11)))).toEqual([
      ['evaluate: export of the model …'],
      [],
      ['evaluate …'],
      [],
    ]);
  });

  test('says the results of trials between the start and the end of the sweep, and what a trial draws with its first line', () => {
    const changes = new ChangeLines();
    changes.next({ status: runAt('prepare'), trainings: [] }, 30_000);
    const started = changes.next({ status: runAt('sweep'), sweep: sweepOfTwo, trainings: [] }, 40_000);
    expect(started.map((line) => line.slice(11))).toEqual([
      'prepare done in 10.0 s: prepare went well',
      'sweep …',
      'trial 0 running, rung 1/2 (learningRate 0.002123)',
      'trial 1 paused, rung 1/2, auc 0.7041 (hidden [64,32])',
    ]);
    const failed = { ...sweepOfTwo.trials[0], state: 'failed' as const, failure: 'it diverged' };
    const ended = changes.next(
      { status: runAt('train'), sweep: { ...sweepOfTwo, trials: [failed, sweepOfTwo.trials[1]] }, trainings: [] },
      50_000,
    );
    expect(ended.map((line) => line.slice(11))).toEqual([
      'trial 0 failed, rung 1/2: it diverged',
      'sweep done in 10.0 s: sweep went well',
      'cross-validate done in 10.0 s: cross-validate went well',
      'train …',
    ]);
  });

  test('says how the training goes every few seconds', () => {
    const changes = new ChangeLines();
    const snapshot = { status: runAt('train'), trainings: [{ attempt: 1, progress: halfTrained }] };
    const said = [60_000, 60_500, 62_900, 63_000, 63_500].map(
      (now) => changes.next(snapshot, now).filter((line) => line.includes('train:')).length,
    );
    expect(said).toEqual([1, 0, 0, 1, 0]);
  });

  test('goes on to say it where the system clock goes back an hour', () => {
    const changes = new ChangeLines();
    const snapshot = { status: runAt('train'), trainings: [{ attempt: 1, progress: halfTrained }] };
    changes.next(snapshot, 7_200_000);
    const anHourEarlier = 3_600_000;
    const said = [0, 500, 3000].flatMap((ms) => changes.next(snapshot, anHourEarlier + ms));
    expect(said.map((line) => line.includes('train:'))).toEqual([true, true]);
  });

  test('says of the stage that a run was cancelled in that it was cancelled, not that it failed', () => {
    const { stages, ...run } = runAt('train');
    const ended = stages.map((stage) =>
      stage.name === 'train' ? { ...stage, state: 'failed' as const, endedAtMs: stage.startedAtMs! + 5000 } : stage,
    );
    const last = (state: 'cancelled' | 'failed') =>
      new ChangeLines().next({ status: { ...run, state, stages: ended }, trainings: [] }, 60_000).at(-1);
    expect(last('cancelled')).toMatch(/train cancelled after 5\.0 s$/);
    expect(last('failed')).toMatch(/train failed in 5\.0 s$/);
  });

  test('says warnings and a wait for approval once', () => {
    const changes = new ChangeLines();
    const snapshot = { status: runAt('promote', { state: 'awaiting-approval', warnings: ['slow disk'] }), trainings: [] };
    expect(changes.next(snapshot, 80_000).slice(-2)).toEqual([
      expect.stringContaining('warning: slow disk'),
      expect.stringContaining('anneal approve 20261123-214500-x7k2'),
    ]);
    expect(changes.next(snapshot, 81_000)).toEqual([]);
  });

  test('says once that no worker takes a step, and again when it happens again', () => {
    const changes = new ChangeLines();
    const at = (...idle: { activity: string; lacks: 'worker'; seconds: number }[]) => ({ status: runAt('ingest'), trainings: [], idle });
    const silent = { activity: 'ingestPartition', lacks: 'worker' as const, seconds: 5 };
    const said = [at(), at(silent), at({ ...silent, seconds: 6 }), at(), at(silent)].map(
      (snapshot, i) =>
        changes.next(snapshot, 2000 + i).filter((line) => line.includes('waiting for a worker: none has taken ingestPartition')).length,
    );
    expect(said).toEqual([0, 1, 0, 0, 1]);
  });

  test('says of a training that no worker takes that others may have the slots', () => {
    const idle = [{ activity: 'trainModel', lacks: 'worker' as const, seconds: 5 }];
    const lines = new ChangeLines().next({ status: runAt('train'), trainings: [], idle }, 2000);
    expect(lines.join('\n')).toContain('waiting for a training slot for 5 s: all are taken by other trainings, or no training worker runs');
  });

  test('says why a step is tried again, once for each cause', () => {
    const changes = new ChangeLines();
    changes.next({ status: runAt('sweep'), sweep: sweepOfTwo, trainings: [] }, 40_000);
    const failing = (trial: number, failedAttempts: number) => ({
      status: runAt('sweep'),
      sweep: sweepOfTwo,
      trainings: [],
      setbacks: [{ ...fullDisk, trial, failedAttempts }],
    });
    expect(changes.next(failing(1, 2), 41_000).map((line) => line.slice(11))).toEqual([
      `trial 1: trainModel failed and is tried again (2 attempts so far): ${fullDisk.reason}`,
    ]);
    expect(changes.next(failing(0, 3), 42_000)).toEqual([]);
  });
});
