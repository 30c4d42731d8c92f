import { describe, expect, it } from '@jest/globals';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { HostMetrics, type ProcessMetrics } from './host-metrics.js';
import { rollUp } from './metrics.js';

/** What a process tells that has answered so many requests and has opened so many versions. */
async function telling(requests: number, loads = 1): Promise<ProcessMetrics> {
  const registry = new Registry();
  const of = { help: '-', labelNames: ['model'], registers: [registry] };
  new Counter({ ...of, name: 'requests_total' }).inc({ model: 'tiny' }, requests);
  // Each process opens each version.
  new Counter({ ...of, name: 'loads_total', aggregator: 'max' }).inc({ model: 'tiny' }, loads);
  new Gauge({ ...of, name: 'open_connections' }).set({ model: 'tiny' }, requests);
  const seconds = new Histogram({ ...of, name: 'seconds', buckets: [1] });
  for (let i = 0; i < requests; i++) seconds.observe({ model: 'tiny' }, 0.5);
  return registry.getMetricsAsJSON();
}

async function seriesOf(host: HostMetrics, answered: readonly number[]): Promise<Record<string, number>> {
  const lines = (await rollUp(host.all(new Set(answered)))).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.split('{')[0], Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

describe('the metrics of a host', () => {
  it('add up those of its processes', async () => {
    const host = new HostMetrics();
    host.told(0, 100, await telling(3));
    host.told(1, 101, await telling(4));
    expect(await seriesOf(host, [0, 1])).toEqual({
      requests_total: 7,
      loads_total: 1,
      open_connections: 7,
      seconds_bucket: 7,
      seconds_sum: 3.5,
      seconds_count: 7,
    });
  });

  it('count on what processes had told that ended, however many', async () => {
    const host = new HostMetrics();
    host.told(1, 101, await telling(4, 9));
    for (let pid = 200; pid < 205; pid++) host.told(0, pid, await telling(2));
    expect(await seriesOf(host, [0, 1])).toEqual({
      requests_total: 14,
      loads_total: 9,
      open_connections: 6,
      seconds_bucket: 14,
      seconds_sum: 7,
      seconds_count: 14,
    });
    expect(host.all(new Set([0, 1]))).toHaveLength(3);
  });

  it('keep the counts of a process that does not answer just now, without its gauges, and take what it tells later', async () => {
    const host = new HostMetrics();
    host.told(0, 100, await telling(3));
    host.told(1, 101, await telling(4));
    expect(await seriesOf(host, [0])).toMatchObject({ requests_total: 7, seconds_count: 7, open_connections: 3 });
    host.told(1, 101, await telling(5));
    expect(await seriesOf(host, [0, 1])).toMatchObject({ requests_total: 8, seconds_count: 8, open_connections: 8 });
  });
});
