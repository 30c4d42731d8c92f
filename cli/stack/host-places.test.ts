import { expect, test } from '@jest/globals';
import type { VersionPlace } from '../../contracts/serving-places.js';
import { placesRows } from './host-places.js';

const place = (version: string, more: Partial<VersionPlace> = {}): VersionPlace => ({
  model: 'delay',
  version,
  isActive: false,
  placement: 'executor-process',
  state: 'up',
  executors: 1,
  alive: 1,
  pids: [7],
  ...more,
});

test('says of each version of a host where it executes, over all its serving processes', () => {
  const onThread = { placement: 'http-thread', executors: 0, alive: 0, pids: [], model: 'small', isActive: true } as const;
  const rows = placesRows([
    { pid: 1, versions: [place('1'), place('2', { isActive: true, pids: [8] }), place('4', onThread)] },
    { pid: 2, versions: [place('2', { isActive: true, pids: [9], state: 'restarting', executors: 2 }), place('4', onThread)] },
    { pid: 3, versions: [place('1', { pids: [], alive: 0, state: 'down' })] },
  ]);
  expect(rows).toEqual([
    ['delay', '2', 'executor processes', '2 of 3 up, restarting', '8 9'],
    ['delay', '1 (held)', 'executor processes', '1 of 2 up, requests are refused until one is back', '7'],
    ['small', '4', 'HTTP thread', 'up', '1 2'],
  ]);
});
