import { describe, expect, test } from '@jest/globals';
import { stripVTControlCharacters } from 'node:util';
import { readSettings } from '../../workers/settings.js';
import { runLinks } from '../links.js';
import { runReport } from '../run-report.js';
import { resultView } from './result-view.js';
import { runAt } from './run-fixture.js';
import { endedStatus, type EndedStatus } from './watch-run.js';

const settings = readSettings({});
const promoted = runAt('end', {
  version: '3',
  test: { auc: 0.7384, logLoss: 0.4591 },
  baseline: { auc: 0.5, logLoss: 0.5187 },
  champion: { version: '2', metrics: { auc: 0.7301 } },
  gates: [{ gate: { metric: 'auc', min: 0.71 }, passed: true, explanation: 'auc 0.7384 ≥ 0.71' }],
  tracked: { experimentId: '1', runId: 'abc', url: 'http://127.0.0.1:5000/#/experiments/1/runs/abc' },
  modelDigest: 'd'.repeat(64),
}) as EndedStatus;
const view = (status: EndedStatus) => stripVTControlCharacters(resultView(status, runLinks(settings, status)).join('\n'));

describe('resultView', () => {
  test('puts the model beside the baseline and the champion', () => {
    expect(view(promoted)).toContain(
      ['  TEST     MODEL   BASELINE  CHAMPION (version 2)', '  auc      0.7384  0.5000    0.7301', '  logLoss  0.4591  0.5187    –'].join(
        '\n',
      ),
    );
  });

  test('tells the digests that two trainings are compared by, and has them whole in JSON', () => {
    const trained = { seed: 7, parametersDigest: 'a'.repeat(64), trainingDigest: 'b'.repeat(64) };
    expect(view({ ...promoted, trained })).toContain(
      `  weights ${'a'.repeat(12)}, seed 7, of data, code and configuration ${'b'.repeat(12)}\n`,
    );
    expect(view(promoted)).not.toContain('weights');
    expect(runReport(settings, { ...promoted, trained }).trained).toEqual(trained);
  });

  test('shows numbers of any size with few digits', () => {
    const wild = { ...promoted, test: { rmse: 1.001064489070096e25, mae: 12_345.678 }, baseline: { rmse: 3.62149, mae: 2.8 } };
    const { champion: _, ...status } = wild;
    expect(view({ ...status, primaryMetric: 'rmse' })).toContain(
      ['  TEST  MODEL      BASELINE', '  rmse  1.001e+25  3.621', '  mae   12350      2.800'].join('\n'),
    );
  });

  test('says how it ended, the gates and where to look', () => {
    expect(view(promoted)).toMatch(/^promoted {2}flight-delay version 3 {2}run 20261123-214500-x7k2, 1 min 20 s\n/);
    expect(view(promoted)).toContain('✓ gate auc 0.7384 ≥ 0.71');
    expect(view(promoted)).toContain('http://127.0.0.1:8233/namespaces/default/workflows/pipeline%2Fflight-delay%2F20261123-214500-x7k2');
    expect(view(promoted)).toContain('http://127.0.0.1:5000/#/models/flight-delay/versions/3');
    expect(view(promoted)).toContain('http://127.0.0.1:8080/v1/models/flight-delay:predict');
  });

  test('warns of a promoted model that does no better than the baseline', () => {
    const warning = 'On the test part the model does no better than the naive baseline.';
    const status = { ...promoted, belowBaseline: warning, warnings: [warning] };
    expect(view(status)).toContain(`! ${warning}`);
    expect(runReport(settings, status).warnings).toEqual([warning]);
    expect(runReport(settings, promoted)).not.toHaveProperty('warnings');
  });

  test('shows mean, deviation and every fold of a cross-validation', () => {
    const rows = { train: 200, validation: 50, heldOut: 100 };
    const crossValidation = {
      kind: 'k-fold' as const,
      workflowId: 'w/cross-validation',
      folds: [1, 2].map((fold) => ({ fold, rows })),
      metrics: {
        logLoss: { mean: 0.45, standardDeviation: 0, values: [0.45, null] },
        auc: { mean: 0.73, standardDeviation: 0.01414, values: [0.72, 0.74] },
      },
    };
    expect(view({ ...promoted, crossValidation })).toContain(
      [
        '  CROSS-VALIDATION (2 folds)  MEAN    DEVIATION  FOLD 1  FOLD 2',
        '  auc                         0.7300  ± 0.0141   0.7200  0.7400',
        '  logLoss                     0.4500  ± 0.0000   0.4500  –',
      ].join('\n'),
    );
  });

  test('says of a failed run which column was expected to be what', () => {
    const failed = runAt('validate', {
      state: 'failed',
      reason: 'The data set was refused.',
      anomalies: [{ severity: 'error', rule: 'type', column: 'delay', expected: 'integer', found: 'VARCHAR' }],
    }) as EndedStatus;
    expect(view(failed)).toContain('The data set was refused.');
    expect(view(failed)).toContain('✗ delay (type): expected integer, found VARCHAR');
    expect(view(failed)).not.toContain('BASELINE');
  });
});

describe('runReport', () => {
  test('is the object that scripts read', () => {
    expect(runReport(settings, promoted)).toEqual({
      run: '20261123-214500-x7k2',
      status: 'promoted',
      model: 'flight-delay',
      version: '3',
      metrics: { test: { auc: 0.7384, logLoss: 0.4591 }, baseline: { auc: 0.5, logLoss: 0.5187 }, champion: { auc: 0.7301 } },
      durationMs: 80_000,
      modelDigest: 'd'.repeat(64),
      workflowId: 'pipeline/flight-delay/20261123-214500-x7k2',
      links: runLinks(settings, promoted),
    });
  });

  test('leaves out what a run that failed early does not have', () => {
    const failed = runAt('ingest', { state: 'failed', reason: 'There is no such file.' }) as EndedStatus;
    expect(runReport(settings, failed, 4000)).toEqual({
      run: '20261123-214500-x7k2',
      status: 'failed',
      model: 'flight-delay',
      metrics: {},
      durationMs: 3000,
      reason: 'There is no such file.',
      workflowId: 'pipeline/flight-delay/20261123-214500-x7k2',
      links: { temporal: expect.stringContaining('pipeline%2Fflight-delay') },
    });
  });
});

describe('endedStatus', () => {
  test('takes the outcome that the run itself has told', () => {
    expect(endedStatus(promoted, 'COMPLETED').state).toBe('promoted');
  });

  test.each([
    ['TERMINATED', 'failed', /ended in Temporal \(terminated\)/],
    ['TIMED_OUT', 'failed', /timed out/],
    ['CANCELLED', 'cancelled', /cancelled/],
  ])('says of a run that could not tell it, since it was %s', (closed, state, reason) => {
    expect(endedStatus(runAt('train'), closed)).toMatchObject({ state, reason: expect.stringMatching(reason) });
  });
});
