import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ModelExecutor } from '../executors/executor.js';
import { ServingMetrics } from './metrics.js';
import { OverloadedError } from '../request-terms.js';
import { ModelRegistry } from '../model-registry.js';
import { startServingProcess } from '../testing/serving-process.js';
import { writeTinyVersion } from '../testing/tiny-bundle.js';

const row = { origin: 'SFO', date: 0, distance: 100 };

describe('the metrics of a serving process', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-metrics-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  beforeAll(async () => {
    serving = await startServingProcess();
    for (const [epoch, version] of ['1', '1', '2'].entries()) {
      await serving.stage('tiny', version, writeTinyVersion(join(directory, version), { bias: 0 }));
      await serving.command('activate', { model: 'tiny', version, epoch });
    }
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function scrape(): Promise<{ type: string | null; series: Map<string, number> }> {
    const response = await fetch(`${serving.url}/metrics`);
    expect(response.status).toBe(200);
    const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const series = new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
    return { type: response.headers.get('content-type'), series };
  }
  const predict = (path: string, instances: unknown) =>
    fetch(serving.url + path, { method: 'POST', body: JSON.stringify({ instances }), headers: { 'content-type': 'application/json' } });

  it('counts requests by model, version, protocol and status, and measures stages and batches', async () => {
    const before = (await scrape()).series;
    for (let i = 0; i < 3; i++) await predict('/v1/models/tiny:predict', [row, row]);
    await predict('/v1/models/tiny/versions/1:predict', [row]);
    await predict('/v1/models/tiny:predict', []);
    await serving.command('predict', { model: 'tiny', instances: [row] });
    const { type, series } = await scrape();
    const grown = (key: string) => (series.get(key) ?? 0) - (before.get(key) ?? 0);
    expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(grown('anneal_requests_total{model="tiny",version="2",protocol="rows",status="200"}')).toBe(3);
    expect(grown('anneal_requests_total{model="tiny",version="1",protocol="rows",status="200"}')).toBe(1);
    expect(grown('anneal_requests_total{model="tiny",version="2",protocol="rows",status="400"}')).toBe(1);
    expect(grown('anneal_requests_total{model="tiny",version="2",protocol="activity",status="200"}')).toBe(1);
    expect(grown('anneal_stage_seconds_count{model="tiny",stage="total"}')).toBe(6);
    expect(grown('anneal_stage_seconds_count{model="tiny",stage="queue"}')).toBe(5);
    expect(grown('anneal_stage_seconds_count{model="tiny",stage="execute"}')).toBe(5);
    expect(grown('anneal_batch_rows_sum{model="tiny"}')).toBe(8);
    const total = grown('anneal_stage_seconds_sum{model="tiny",stage="total"}');
    const execute = grown('anneal_stage_seconds_sum{model="tiny",stage="execute"}');
    expect(execute).toBeGreaterThan(0);
    expect(total).toBeGreaterThan(execute);
  });

  it('tells what is loaded, what was refused, and how often the active version changed', async () => {
    const files = writeTinyVersion(join(directory, 'bad'), { bias: 0, goldenError: 1 });
    await expect(serving.stage('tiny', 'bad', files)).rejects.toThrow('golden');
    const { series } = await scrape();
    expect(series.get('anneal_model_loaded{model="tiny",version="1"}')).toBe(0);
    expect(series.get('anneal_model_loaded{model="tiny",version="2"}')).toBe(1);
    expect(series.get('anneal_model_loads_total{model="tiny",outcome="verified"}')).toBe(2);
    expect(series.get('anneal_model_loads_total{model="tiny",outcome="refused"}')).toBe(1);
    expect(series.get('anneal_model_reloads_total{model="tiny"}')).toBe(2);
    expect(series.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
  });

  it('makes no series of names that a client invents', async () => {
    for (const path of ['/v1/models/invented:predict', '/v1/models/tiny/versions/invented:predict']) {
      expect((await predict(path, [row])).status).toBe(404);
    }
    const { series } = await scrape();
    expect([...series.keys()].join()).not.toContain('invented');
    expect(series.get('anneal_requests_total{model="",version="",protocol="rows",status="404"}')).toBe(2);
  });
});

describe('ServingMetrics', () => {
  it('counts the requests that an overload sheds, and passes the refusal on', async () => {
    const registry = new ModelRegistry();
    // Nothing executes here.
    registry.stage({ name: 'tiny', version: '1', executor: {} as ModelExecutor });
    registry.activate('tiny', '1', 1);
    const metrics = new ServingMetrics(registry);
    for (const model of ['tiny', 'invented']) {
      const refused = metrics.measure('oip', { model }, () => Promise.reject(new OverloadedError()));
      await expect(refused).rejects.toBeInstanceOf(OverloadedError);
    }
    const text = await metrics.text();
    expect(text).toContain('anneal_requests_shed_total{model="tiny"} 1');
    expect(text).toContain('anneal_requests_shed_total{model=""} 1');
    expect(text).toContain('anneal_requests_total{model="tiny",version="1",protocol="oip",status="429"} 1');
    expect(text).not.toContain('invented');
  });
});
