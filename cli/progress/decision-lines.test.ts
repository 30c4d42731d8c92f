import { describe, expect, test } from '@jest/globals';
import { stripVTControlCharacters } from 'node:util';
import type { PipelineStatus } from '../../contracts/training-pipeline.js';
import { readSettings } from '../../workers/settings.js';
import { runReport, type WaitingStatus } from '../run-report.js';
import { ChangeLines } from './change-lines.js';
import { decisionLines } from './decision-lines.js';
import { liveView } from './live-view.js';
import { resultView } from './result-view.js';
import { runAt } from './run-fixture.js';

const id = '20261123-214500-x7k2';
const waiting = (changes: Partial<WaitingStatus> = {}): WaitingStatus => ({
  ...runAt('validate'),
  state: 'awaiting-override',
  anomalies: [
    { severity: 'error', rule: 'leakage', column: 'delay', expected: 'no leak', found: 'one' },
    { severity: 'warn', rule: 'extra-column', expected: 'none', found: 'some' },
  ],
  awaitsOverride: { refusal: 'The data are bad.', canOverride: true, untilMs: Date.UTC(2026, 10, 30), looks: 2 },
  ...changes,
});
const plain = (lines: readonly string[]) => lines.map(stripVTControlCharacters).join('\n');

describe('a run that waits for a decision about its data', () => {
  test('shows what is wrong and the commands that go on', () => {
    for (const text of [plain(liveView({ status: waiting(), trainings: [] }, 15_000)), plain(resultView(waiting(), { temporal: 't' }))]) {
      expect(text).toContain('waits: override or fix the data');
      expect(text).toContain('✗ delay (leakage): expected no leak, found one');
      expect(text).not.toContain('extra-column');
      expect(text).toContain(`anneal override ${id} --reason "…"`);
      expect(text).toContain(`anneal recheck ${id}`);
      expect(text).toContain(`anneal report ${id}   shows the full report`);
      expect(text).toContain('2026-11-30 00:00:00 UTC');
    }
  });

  test('offers no override where nothing is left of the data', () => {
    const status = waiting({ awaitsOverride: { ...waiting().awaitsOverride!, canOverride: false } });
    expect(plain(decisionLines(status))).not.toContain('anneal override');
    expect(plain(decisionLines(status))).toContain(`anneal recheck ${id}`);
  });

  test('is said once, line by line, and again when it waits again', () => {
    const lines = new ChangeLines();
    const said = (status: PipelineStatus) => lines.next({ status, trainings: [] }, 20_000).filter((line) => line.includes('waits:'));
    expect(said(waiting())).toEqual([expect.stringContaining(`anneal override ${id} --reason "…"  or  anneal recheck ${id}`)]);
    expect(said(waiting())).toEqual([]);
    expect(said(runAt('validate'))).toEqual([]);
    expect(said(waiting())).toHaveLength(1);
  });

  test('is a report with the status, the refusal, the anomalies and the commands', () => {
    expect(runReport(readSettings({}), waiting(), 20_000)).toMatchObject({
      run: id,
      status: 'awaiting-override',
      reason: 'The data are bad.',
      anomalies: waiting().anomalies,
      commands: [`anneal override ${id} --reason "…"`, `anneal recheck ${id}`, `anneal cancel ${id}`],
      durationMs: 19_000,
    });
  });

  test('says nothing once it goes on', () => {
    expect(decisionLines(runAt('prepare'))).toEqual([]);
  });
});
