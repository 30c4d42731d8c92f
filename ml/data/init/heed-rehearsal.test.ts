import { describe, expect, it } from '@jest/globals';
import type { Anomaly } from '../../../contracts/dataset.js';
import type { PipelineInput } from '../../../contracts/pipeline.js';
import { type Findings, noFindings } from './findings.js';
import { heedRehearsal } from './heed-rehearsal.js';

function heed(anomaly: Partial<Anomaly>, split: object = { kind: 'random' }, findings = noFindings): Findings | undefined {
  const features = { x: { kind: 'numeric', column: 'x' }, z: { kind: 'numeric', column: 'z' } };
  const anomalies = [{ severity: 'warn', expected: '', found: '', ...anomaly }];
  return heedRehearsal({ report: { rows: 100, anomalies } } as never, { split, features } as unknown as PipelineInput, findings);
}

describe('heedRehearsal', () => {
  it('has nothing to say to data without complaints, nor to ones that no draft can mend', () => {
    expect(heed({ rule: 'range' })).toBeUndefined();
  });

  it('gives up a split that cannot be used, and then asks for fewer rows of a class, once', () => {
    const byTime = heed({ rule: 'few-rows-of-class', found: '3 of class "b"' }, { kind: 'time' });
    expect([...byTime!.unfit]).toEqual([['time', '3 of class "b"']]);
    expect(heed({ rule: 'few-rows-of-class', found: '3 of class "b"' })!.expectations).toEqual({ minRowsPerClass: 1 });
  });

  it('sets limits somewhat above what there is, and not again when they are kept', () => {
    const drift = heed({ rule: 'target-drift', found: '0.200' });
    expect(drift!.expectations).toEqual({ targetDrift: { max: 0.25 } });
    expect(heed({ rule: 'target-drift', found: '0.200' }, undefined, drift)).toBeUndefined();
    expect(heed({ rule: 'duplicate-rows', rows: 40, found: '40 of 100 rows' })!.expectations).toEqual({ duplicates: { max: 0.5 } });
  });

  it('keeps rows that are alike in one part, or takes their share for what it is where the split is a given', () => {
    const overlap = { rule: 'split-overlap', found: '4.00 %; give split.key' };
    expect(heed(overlap)).toMatchObject({ hasCopies: true, expectations: {} });
    expect(heed(overlap, { kind: 'group' })!.expectations).toEqual({ splitOverlap: { max: 0.05 } });
  });

  it('takes the factor of a gap in time from what the check says', () => {
    const gap = {
      rule: 'time-gap',
      expected: 'no gap of more than 5 days, 5 times the usual step (expectations.timeGaps)',
      found: '2020-01-01 to 2020-01-13 (12 days)',
    };
    expect(heed(gap)!.expectations).toEqual({ timeGaps: { factor: 15 } });
  });
});
