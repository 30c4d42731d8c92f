import { describe, expect, it } from '@jest/globals';
import { misspeltVariables, readSettings } from './settings.js';

describe('readSettings', () => {
  it('has a default for everything', () => {
    const settings = readSettings({});
    expect(settings.ports).toEqual({ temporal: 7233, temporalUi: 8233, mlflow: 5000, http: 8080, grpc: 8081 });
    expect(settings.temporal).toMatchObject({ address: '127.0.0.1:7233', namespace: 'default', external: false });
    expect(settings.mlflow).toMatchObject({ trackingUri: 'http://127.0.0.1:5000', external: false, auth: undefined });
    expect(settings.httpHost).toBe('127.0.0.1');
    expect(settings.artifacts).toBe(`${settings.home}/artifacts`);
  });

  it('takes servers that others run', () => {
    const settings = readSettings({
      TEMPORAL_ADDRESS: 'temporal:7233',
      MLFLOW_TRACKING_URI: 'https://mlflow.example/',
      MLFLOW_TRACKING_TOKEN: 't',
    });
    expect(settings.temporal).toMatchObject({ address: 'temporal:7233', external: true });
    expect(settings.mlflow).toMatchObject({ trackingUri: 'https://mlflow.example', external: true, auth: { token: 't' } });
  });

  it('takes a variable that is empty for one that is not set', () => {
    expect(readSettings({ ANNEAL_HTTP_PORT: '', TEMPORAL_ADDRESS: '' }).temporal.external).toBe(false);
  });

  it.each([
    ['ANNEAL_PREDICTION_LOG', 'all', 'expected a number from 0 to 1'],
    ['ANNEAL_PREDICTION_LOG', '1.5', 'expected a number from 0 to 1'],
    ['ANNEAL_PREDICTION_LOG', ' ', 'expected a number from 0 to 1'],
    ['ANNEAL_TRAINING_THREADS', '1.5', 'expected a whole number from 1 to 256'],
    ['ANNEAL_HTTP_PORT', '0x50', 'expected a whole number from 0 to 65535'],
    ['ANNEAL_LOG_LEVEL', 'loud', 'expected one of trace, debug, info, warn, error'],
    ['MLFLOW_TRACKING_URI', 'localhost:5000', 'expected an address such as http://127.0.0.1:5000'],
    ['ANNEAL_HOST_ID', 'a b', 'expected at most 64 letters, digits, ".", "_" and "-"'],
  ])('says of %s what it takes instead of %j', (name, value, expected) => {
    expect(() => readSettings({ [name]: value })).toThrow(
      `The environment variable ${name} is set to "${value}", which Anneal cannot use: ${expected}. Correct it or unset it.`,
    );
  });

  it('takes numbers as people write them', () => {
    expect(readSettings({ ANNEAL_PREDICTION_LOG: ' 1e-2 ', ANNEAL_SERVING_P99_MS: '12.5' })).toMatchObject({
      predictionLog: { share: 0.01 },
      serving: { targetP99Ms: 12.5 },
    });
  });

  it('leaves the gRPC port open beside an HTTP port of its own, so that two stacks do not meet there', () => {
    expect(readSettings({ ANNEAL_HTTP_PORT: '18080' }).ports.grpc).toBe(0);
    expect(readSettings({ ANNEAL_HTTP_PORT: '18080', ANNEAL_GRPC_PORT: '18081' }).ports.grpc).toBe(18081);
  });

  it('gives each stack a host id of its own by its port', () => {
    expect(readSettings({ ANNEAL_HTTP_PORT: '18080' }).hostId).toMatch(/-18080$/);
  });

  it('leaves slots, threads and devices of training open unless they are said', () => {
    expect(readSettings({}).training).toEqual({});
    expect(readSettings({ ANNEAL_TRAINING_SLOTS: '4', ANNEAL_TRAINING_THREADS: '2', CUDA_VISIBLE_DEVICES: '' }).training).toEqual({
      slots: 4,
      threads: 2,
      visibleDevices: '',
    });
  });

  it('keeps artifacts in its directory unless a bucket is named', () => {
    expect(readSettings({}).artifactStore).toBeUndefined();
    const settings = readSettings({
      ANNEAL_ARTIFACT_STORE: 's3://models/team-a',
      AWS_ENDPOINT_URL: 'http://other:1',
      AWS_ENDPOINT_URL_S3: 'http://minio:9000',
      AWS_REGION: 'eu-west-1',
    });
    expect(settings).toMatchObject({ artifactStore: 's3://models/team-a', s3: { endpoint: 'http://minio:9000', region: 'eu-west-1' } });
  });

  it('sends spans where an endpoint is set and nothing forbids it', () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
    expect(readSettings({}).tracing).toBe(false);
    expect(readSettings(endpoint).tracing).toBe(true);
    expect(readSettings({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }).tracing).toBe(true);
    expect(readSettings({ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }).tracing).toBe(false);
    expect(readSettings({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }).tracing).toBe(false);
    expect(readSettings({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }).tracing).toBe(false);
    expect(() => readSettings({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toThrow(
      /OTEL_EXPORTER_OTLP_PROTOCOL is set to "grpc"/,
    );
  });

  it('refuses what OpenTelemetry would make nothing of, unless spans are switched off', () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
    for (const [name, value] of [
      ['OTEL_EXPORTER_OTLP_ENDPOINT', 'localhost:4318'],
      ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'ftp://x/v1/traces'],
      ['OTEL_TRACES_EXPORTER', 'zipkin'],
      ['OTEL_TRACES_SAMPLER', 'sometimes'],
    ]) {
      expect(() => readSettings({ ...endpoint, [name]: value })).toThrow(`${name} is set to "${value}"`);
      expect(readSettings({ ...endpoint, [name]: value, OTEL_SDK_DISABLED: 'true' }).tracing).toBe(false);
    }
    const share = { ...endpoint, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '1%' };
    expect(() => readSettings(share)).toThrow('OTEL_TRACES_SAMPLER_ARG is set to "1%", which is no share');
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector'],
    ['ANNEAL_HTTP_PORT', 'eighty'],
    ['ANNEAL_HTTP_PORT', '70000'],
    ['MLFLOW_TRACKING_URI', 'not a url'],
    ['ANNEAL_HOST_ID', '../../etc'],
    ['ANNEAL_ARTIFACT_STORE', 'minio:9000/models'],
    ['ANNEAL_ARTIFACT_STORE', 's3://Models/a'],
  ])('names the variable that it cannot use: %s=%s', (name, value) => {
    expect(() => readSettings({ [name]: value })).toThrow(new RegExp(`${name} is set to "${value.replaceAll('.', '\\.')}"`));
  });
});

describe('misspeltVariables', () => {
  it('knows what was meant, and leaves variables alone that are like none of its own', () => {
    expect(misspeltVariables({ ANNEAL_HTTP_PROT: '9000', ANNEAL_HTTP_PORT: '9000', ANNEAL_TEAM: 'risk', HTTP_PORT: '1' })).toEqual([
      { name: 'ANNEAL_HTTP_PROT', meant: 'ANNEAL_HTTP_PORT' },
    ]);
  });
});
