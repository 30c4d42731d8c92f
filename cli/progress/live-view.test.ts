import { describe, expect, test } from '@jest/globals';
import { stripVTControlCharacters } from 'node:util';
import { liveView } from './live-view.js';
import { fullDisk, halfTrained, runAt, sweepOfTwo } from './run-fixture.js';

const plain = (lines: readonly string[]) => lines.map(stripVTControlCharacters);

describe('liveView', () => {
  test('shows each stage with its state, its time and what it found', () => {
    const lines = plain(liveView({ status: runAt('validate'), trainings: [] }, 15_500));
    expect(lines.slice(0, 4)).toEqual([
      'flight-delay run 20261123-214500-x7k2  14.5 s',
      '  ✓ ingest           10.0 s  ingest went well',
      '  ▸ validate          4.5 s',
      expect.stringMatching(/^ {2}· prepare/),
    ]);
  });

  test('shows the table of trials below the sweep, with what runs now', () => {
    const trainings = [{ trial: 0, attempt: 1, progress: halfTrained }];
    const text = plain(liveView({ status: runAt('sweep'), sweep: sweepOfTwo, trainings }, 50_000)).join('\n');
    expect(text).toMatch(/TRIAL {2}STATE {4}RUNG {2}AUC/);
    expect(text).toMatch(/0 {6}running {2}1\/2 .*step 1200, 312k rows\/s {2}learningRate 0\.002123/);
    expect(text).toMatch(/1 {6}paused {3}1\/2 {3}0\.7041 .*hidden \[64,32\]/);
    expect(text).toContain('best auc 0.7041 (trial 1)');
  });

  test('shows epoch, step, loss, metric, speed and the time that is left of the training', () => {
    const text = plain(liveView({ status: runAt('train'), trainings: [{ attempt: 2, progress: halfTrained }] }, 60_000)).join('\n');
    expect(text).toContain('epoch 2/5, step 1,200/4,900, loss 0.5123, auc 0.7131, 312,346 rows/s, ETA 12.0 s (attempt 2)');
  });

  test('shows the folds that train below the cross-validation', () => {
    const trainings = [2, 3].map((fold) => ({ fold, attempt: 1, progress: halfTrained }));
    const lines = plain(liveView({ status: runAt('cross-validate'), trainings }, 60_000));
    expect(lines.filter((line) => /^ {5}fold [23]: epoch 2\/5, step 1,200/.test(line))).toHaveLength(2);
  });

  test('says how to approve a run that waits for it', () => {
    const text = plain(liveView({ status: runAt('promote', { state: 'awaiting-approval' }), trainings: [] }, 90_000)).join('\n');
    expect(text).toContain('anneal approve 20261123-214500-x7k2 --reason');
    expect(text).toContain('anneal reject 20261123-214500-x7k2 --reason');
  });

  test('stops the clock of a run that has ended, and shows its warnings', () => {
    const lines = plain(liveView({ status: runAt('end', { warnings: ['Trained on tfjs-cpu'] }), trainings: [] }, 1_000_000));
    expect(lines[0]).toMatch(/ {2}1 min 20 s$/);
    expect(lines.at(-1)).toBe('  ! Trained on tfjs-cpu');
  });

  test('tells a trial that waits for a slot from one that trains, and says which worker is silent', () => {
    const trials = [{ ...sweepOfTwo.trials[0], state: 'waiting' as const }, sweepOfTwo.trials[1]];
    const idle = [{ trial: 1, activity: 'trainModel', lacks: 'heartbeat' as const, seconds: 7 }];
    const snapshot = {
      status: runAt('sweep'),
      sweep: { ...sweepOfTwo, trials },
      trainings: [{ trial: 0, attempt: 1, waits: true as const }],
      idle,
    };
    const lines = plain(liveView(snapshot, 50_000));
    expect(lines.join('\n')).toMatch(/0 {6}waiting {2}1\/2 .*for a training slot/);
    expect(lines.at(-1)).toBe('  ! trial 1: waiting for a worker: nothing heard for 7 s from the one that runs trainModel');
  });

  test('says why a step waits for its next attempt', () => {
    const lines = plain(liveView({ status: runAt('sweep'), sweep: sweepOfTwo, trainings: [], setbacks: [fullDisk] }, 50_000));
    expect(lines.at(-1)).toBe(`  ! trial 1: trainModel failed and is tried again (2 attempts so far): ${fullDisk.reason}`);
  });
});
