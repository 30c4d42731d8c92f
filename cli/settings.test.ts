import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSettings, type Settings } from '../workers/settings.js';
import { commandSettings } from './settings.js';
import { inferenceUrl } from './stack/inference-url.js';
import { identifyProcess } from './stack/process-identity.js';
import { portNeeds, workerEnvironment } from './stack/services.js';
import { stackSettings, writeStackState } from './stack/stack-state.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'anneal-settings-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** As a stack that runs with these settings says of itself. */
function writeRunningStack(settings: Settings): void {
  writeStackState(home, {
    formatVersion: 1,
    supervisor: identifyProcess(process.pid)!,
    detached: true,
    startedAtMs: 1,
    ready: true,
    services: [],
    settings: stackSettings(settings),
    httpUrl: inferenceUrl(settings),
  });
}

describe('commandSettings', () => {
  test('names the variable that holds something unusable, which is wrong usage', () => {
    const read = () => commandSettings({ ANNEAL_HOME: home, ANNEAL_HTTP_PORT: 'eighty' });
    expect(read).toThrow(/ANNEAL_HTTP_PORT is set to "eighty"/);
    expect(read).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  test('finds a stack that was started on other ports, unless the environment says where to look', () => {
    const running = readSettings({ ANNEAL_HOME: home, ANNEAL_TEMPORAL_PORT: '7001', ANNEAL_MLFLOW_PORT: '7002', ANNEAL_HTTP_PORT: '7003' });
    writeRunningStack(running);
    const found = commandSettings({ ANNEAL_HOME: home });
    expect(found.temporal.address).toBe('127.0.0.1:7001');
    expect(found.mlflow.trackingUri).toBe('http://127.0.0.1:7002');
    expect(inferenceUrl(found)).toBe('http://127.0.0.1:7003');
    const told = commandSettings({ ANNEAL_HOME: home, TEMPORAL_ADDRESS: 'temporal.example:7233', ANNEAL_HTTP_PORT: '9000' });
    expect(told.temporal.address).toBe('temporal.example:7233');
    expect(told.mlflow.trackingUri).toBe('http://127.0.0.1:7002');
    expect(inferenceUrl(told)).toBe('http://127.0.0.1:9000');
  });
});

describe('the credentials of MLflow', () => {
  test('stay out of what is written of a stack, and come from the environment of each command', () => {
    const env = { ANNEAL_HOME: home, MLFLOW_TRACKING_URI: 'http://mlflow:5000', MLFLOW_TRACKING_TOKEN: 'open-sesame' };
    const settings = stackSettings(readSettings(env));
    expect(JSON.stringify(settings)).not.toContain('open-sesame');
    expect(settings.mlflow.trackingUri).toBe('http://mlflow:5000');
    const supervisor = identifyProcess(process.pid)!;
    const httpUrl = 'http://127.0.0.1:8080';
    writeStackState(home, { formatVersion: 1, supervisor, detached: true, startedAtMs: 1, ready: true, services: [], settings, httpUrl });
    const found = commandSettings({ ANNEAL_HOME: home, MLFLOW_TRACKING_TOKEN: 'open-sesame' });
    expect(found.mlflow).toMatchObject({ trackingUri: 'http://mlflow:5000', auth: { token: 'open-sesame' } });
  });
});

describe('the embedded stack', () => {
  const variables = (env: NodeJS.ProcessEnv) => portNeeds(readSettings({ ANNEAL_HOME: home, ...env })).map(({ variable }) => variable);

  test('needs a port for each server that it starts itself', () => {
    expect(variables({})).toEqual([
      'ANNEAL_TEMPORAL_PORT',
      'ANNEAL_TEMPORAL_UI_PORT',
      'ANNEAL_MLFLOW_PORT',
      'ANNEAL_HTTP_PORT',
      'ANNEAL_GRPC_PORT',
    ]);
    expect(variables({ TEMPORAL_ADDRESS: 'temporal:7233' })).toEqual(['ANNEAL_MLFLOW_PORT', 'ANNEAL_HTTP_PORT', 'ANNEAL_GRPC_PORT']);
    expect(variables({ MLFLOW_TRACKING_URI: 'http://mlflow:5000' })).not.toContain('ANNEAL_MLFLOW_PORT');
  });

  test('tells its workers where everything is in the variables that they read', () => {
    const settings = readSettings({
      ANNEAL_HOME: home,
      ANNEAL_TEMPORAL_PORT: '7001',
      ANNEAL_HTTP_PORT: '7003',
      ANNEAL_GRPC_PORT: '7004',
      MLFLOW_TRACKING_URI: 'http://mlflow:5000',
      ANNEAL_ARTIFACT_STORE: 's3://models/team-a',
      AWS_ENDPOINT_URL_S3: 'http://minio:9000',
    });
    const seen = readSettings(workerEnvironment(settings));
    expect(seen).toMatchObject({
      home,
      artifacts: settings.artifacts,
      artifactStore: 's3://models/team-a',
      s3: { endpoint: 'http://minio:9000' },
      ports: settings.ports,
      hostId: settings.hostId,
      temporal: { address: '127.0.0.1:7001', namespace: 'default', uiUrl: settings.temporal.uiUrl },
      mlflow: { trackingUri: 'http://mlflow:5000', uiUrl: 'http://mlflow:5000' },
    });
  });
});

describe('inferenceUrl', () => {
  test.each([
    [{}, 'http://127.0.0.1:8080'],
    [{ ANNEAL_HTTP_HOST: '0.0.0.0' }, 'http://127.0.0.1:8080'],
    [{ ANNEAL_HTTP_HOST: '::1' }, 'http://[::1]:8080'],
    [{ ANNEAL_TLS_CERT: 'server.pem' }, 'https://127.0.0.1:8080'],
    [{ ANNEAL_INFERENCE_URL: 'https://models.example/' }, 'https://models.example'],
  ])('makes of %j the address %s', (env, url) => {
    expect(inferenceUrl(readSettings(env))).toBe(url);
  });

  test('is that of a stack that speaks TLS, also for a command that knows nothing of its certificate', () => {
    const running = readSettings({ ANNEAL_HOME: home, ANNEAL_HTTP_PORT: '7003', ANNEAL_TLS_CERT: 'server.pem' });
    writeRunningStack(running);
    expect(inferenceUrl(commandSettings({ ANNEAL_HOME: home }))).toBe('https://127.0.0.1:7003');
  });

  test('has a token that no message repeats', () => {
    expect(() => readSettings({ ANNEAL_INFERENCE_TOKEN: 'open sesame' })).toThrow(/ANNEAL_INFERENCE_TOKEN is set to something, which/);
  });
});
