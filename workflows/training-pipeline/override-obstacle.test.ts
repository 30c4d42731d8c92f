import { describe, expect, it } from '@jest/globals';
import type { Anomaly } from '../../contracts/dataset.js';
import { overrideObstacle } from './override-obstacle.js';

const anomaly = (rule: string, column?: string): Anomaly => ({ severity: 'error', rule, column, expected: 'one thing', found: 'another' });

describe('overrideObstacle', () => {
  it('names the columns that are missing, and not what could be overridden beside them', () => {
    expect(overrideObstacle([anomaly('type-change', 'x'), anomaly('missing-column', 'delay')])).toBe(
      'column "delay": expected one thing, found another',
    );
  });

  it('names all errors where none of them alone ends it, the first three', () => {
    const errors = ['min-rows', 'quarantined', 'type', 'null'].map((rule) => anomaly(rule));
    expect(overrideObstacle(errors)).toMatch(/^expected one thing, found another; .*; and 1 more$/);
  });

  it('says so when there is none', () => {
    expect(overrideObstacle([{ ...anomaly('drift'), severity: 'warn' }])).toMatch(/^no row/);
  });
});
