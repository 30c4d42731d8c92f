import { describe, expect, it } from '@jest/globals';
import { SweepRecord } from './sweep-record.js';

function record(lowerIsBetter = false): SweepRecord {
  const trials = [0, 1, 2].map((trial) => ({ trial, workflowId: `s/trial-${trial}`, parameters: { 'training.learningRate': trial } }));
  return new SweepRecord(lowerIsBetter ? 'logLoss' : 'auc', lowerIsBetter, [10, 30], trials);
}

describe('SweepRecord', () => {
  it('counts the running trials and takes each rung report once', () => {
    const sweep = record();
    sweep.begin(0, 0);
    sweep.begin(1, 0);
    expect(sweep.running()).toBe(2);
    sweep.report({ trial: 0, rung: 0, metric: 0.6 });
    sweep.report({ trial: 0, rung: 0, metric: 0.9 });
    expect(sweep.running()).toBe(1);
    expect(sweep.status().trials[0]).toMatchObject({ state: 'paused', metric: 0.6 });
  });

  it('ignores the report of a rung that the trial is not at', () => {
    const sweep = record();
    sweep.begin(0, 1);
    sweep.report({ trial: 0, rung: 0, metric: 0.6 });
    expect(sweep.status().trials[0].state).toBe('running');
  });

  it.each([
    [false, 1],
    [true, 0],
  ])('takes the best of those that came furthest (lower is better: %p)', (lowerIsBetter, best) => {
    const sweep = record(lowerIsBetter);
    for (const [trial, metric] of [0.5, 0.7, 0.9].entries()) {
      sweep.begin(trial, 0);
      sweep.report({ trial, rung: 0, metric: lowerIsBetter ? 1 - metric : metric });
    }
    for (const [trial, metric] of [0.6, 0.65].entries()) {
      sweep.begin(trial, 1);
      sweep.report({ trial, rung: 1, metric });
    }
    expect(sweep.best()?.trial).toBe(best);
  });

  it('never takes a trial that failed or whose metric is not a number', () => {
    const sweep = record();
    sweep.begin(0, 0);
    sweep.report({ trial: 0, rung: 0, failure: 'diverged' });
    sweep.begin(1, 0);
    sweep.report({ trial: 1, rung: 0, metric: Number.NaN });
    expect(sweep.best()).toBeUndefined();
    expect(sweep.results([0, 1])).toEqual([{ trial: 0 }, { trial: 1 }]);
  });

  it('counts a trial out whose workflow was ended, unless it had finished training', () => {
    const sweep = record();
    sweep.begin(0, 0);
    sweep.lose(0, 'terminated');
    sweep.begin(1, 1);
    sweep.report({ trial: 1, rung: 1, metric: 0.7 });
    sweep.lose(1, 'not logged');
    expect(sweep.running()).toBe(0);
    expect(sweep.status().trials.map(({ state }) => state)).toEqual(['failed', 'completed', 'pending']);
    expect(sweep.best()?.trial).toBe(1);
  });
});
