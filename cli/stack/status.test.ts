import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { type StackStatus, statusLines } from './status.js';

const nowMs = Date.UTC(2026, 10, 23);
const stack: StackStatus = {
  home: '.anneal',
  stack: 'not running',
  services: [],
  endpoints: [],
  trainingWorkers: [],
  executors: [],
  healthy: false,
};

describe('statusLines', () => {
  it('says of a training worker that has not asked for work lately when it was seen', () => {
    const trainingWorkers = [
      { worker: '17@here', seenAtMs: nowMs - 60_000 },
      { worker: '18@there', devices: '2 × NVIDIA H100 80GB HBM3 (81,559 MiB)', seenAtMs: nowMs - 125_400 },
      // The clock of the server may be ahead.
      { worker: '19@ahead', seenAtMs: nowMs + 5000 },
    ];
    const lines = statusLines({ ...stack, trainingWorkers }, nowMs).map((line) => stripVTControlCharacters(line).trimEnd());
    expect(lines.slice(-4)).toEqual([
      expect.stringMatching(/^TRAINS +DEVICES$/),
      expect.stringMatching(/^17@here +processor$/),
      expect.stringMatching(/^18@there +2 × NVIDIA H100 80GB HBM3 \(81,559 MiB\) +last seen 2 min 05 s ago: it trains, or has ended$/),
      expect.stringMatching(/^19@ahead +processor$/),
    ]);
  });
});
