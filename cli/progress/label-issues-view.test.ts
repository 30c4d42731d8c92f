import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import type { LabelIssuesReport } from '../../contracts/cross-validation.js';
import { labelIssuesView } from './label-issues-view.js';

const ref = { uri: 'artifact:sha256/00', sha256: '00', sizeBytes: 1 };
const issue = { given: 'Adelie', likely: 'Gentoo', givenProbability: 0.01, likelyProbability: 0.98 };
const report: LabelIssuesReport = {
  formatVersion: 1,
  rows: 344,
  found: 12,
  classes: ['Adelie', 'Gentoo'],
  thresholds: { Adelie: 0.9, Gentoo: 0.95 },
  noise: [{ given: 'Adelie', likely: 'Gentoo', rows: 12, share: 0.0789 }],
  issues: [17, 204].map((row) => ({ ...issue, row, values: { island: 'Biscoe', mass: row * 10, note: null } })),
  outOfFold: ref,
};
const view = (limit: number, changes: Partial<LabelIssuesReport> = {}) =>
  stripVTControlCharacters(labelIssuesView({ ...report, ...changes }, limit).join('\n'));

describe('labelIssuesView', () => {
  it('says how many rows, between which classes, and shows the rows as they came', () => {
    expect(view(20)).toBe(
      [
        '12 rows are worth a look, 3.5 % of the 344 rows of the training and validation parts: the label may be wrong, and noisy outcomes look the same.',
        '  Estimates by pair of classes; they need not add up to 12, since a row counts as worth a look only where the other class is the most probable:',
        '    Adelie → Gentoo: about 12 rows, 7.9 % of Adelie',
        '',
        '  ROW  GIVEN         LIKELY        island  mass  note',
        '  17   Adelie 0.010  Gentoo 0.980  Biscoe  170   –',
        '  204  Adelie 0.010  Gentoo 0.980  Biscoe  2040  –',
        '  The 2 most suspicious; --limit shows more, at most 2.',
      ].join('\n'),
    );
  });

  it('says that it shows some of the pairs', () => {
    const noise = Array.from({ length: 7 }, (_, i) => ({ given: `g${i}`, likely: 'Gentoo', rows: 3, share: 0.1 }));
    expect(view(20, { noise })).toContain('by pair of classes, the 5 with the largest shares;');
  });

  it('shows no more rows than were asked for', () => {
    expect(view(1)).not.toContain('204');
    expect(view(1)).toContain('The 1 most suspicious');
  });

  it('says when there are none', () => {
    expect(view(20, { found: 0, issues: [], noise: [] })).toBe(
      'None of the labels of the 344 rows of the training and validation parts stands out.',
    );
  });
});
