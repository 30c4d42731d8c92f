import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { MlflowAuth } from 'mlflow-ts-client';
import { z } from 'zod';
import { sizeInBytes } from '../contracts/pipeline/data.js';
import { similarName } from '../contracts/pipeline/similar-name.js';
import { address, number, oneOf, whole } from './setting-values.js';
import { wantsTracing } from './tracing-settings.js';

const port = whole(0, 65_535);

const defaultPorts = { http: 8080, grpc: 8081 } as const;

const environment = z.object({
  ANNEAL_HOME: z.string().min(1).default('.anneal'),
  /** Root of the artifact store, or of the cache of one in S3; default `<ANNEAL_HOME>/artifacts`. */
  ANNEAL_ARTIFACTS: z.string().min(1).optional(),
  /** `s3://<bucket>/<prefix>`; default: the directory itself. */
  ANNEAL_ARTIFACT_STORE: z
    .string()
    .regex(/^s3:\/\/[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](\/[A-Za-z0-9!_.*'()/-]*)?$/, 'expected s3://<bucket>/<prefix>')
    .optional(),
  /** How large the local cache of an artifact store in S3 may grow. */
  ANNEAL_ARTIFACT_CACHE: z
    .string()
    .refine((text) => sizeInBytes(text) >= 2 ** 20, 'expected a size of at least "1MiB", for example "20GiB"')
    .default('20GiB'),
  /** AWS's own variables: the address of a service other than AWS, and the region. AWS's client reads the credentials itself. */
  AWS_ENDPOINT_URL_S3: address('http://127.0.0.1:9000').optional(),
  AWS_ENDPOINT_URL: address('http://127.0.0.1:9000').optional(),
  AWS_REGION: z.string().min(1).optional(),
  ANNEAL_TEMPORAL_PORT: port.default(7233),
  ANNEAL_TEMPORAL_UI_PORT: port.default(8233),
  ANNEAL_MLFLOW_PORT: port.default(5000),
  ANNEAL_HTTP_PORT: port.default(defaultPorts.http),
  /** Default: 8081 beside the default HTTP port; beside another one, so that two stacks do not meet, any that is free (`anneal up`: the next one, where it can). */
  ANNEAL_GRPC_PORT: port.optional(),
  /** Interface that the inference host listens on. */
  ANNEAL_HTTP_HOST: z.string().min(1).default('127.0.0.1'),
  /** Serving processes of the inference host, which share its ports; default: measured at its start. */
  ANNEAL_SERVING_PROCESSES: whole(1, 64).optional(),
  /** Executors of a version in each serving process, and threads of one call of theirs; default: measured. */
  ANNEAL_SERVING_EXECUTORS: whole(1, 64).optional(),
  ANNEAL_SERVING_THREADS: whole(1, 64).optional(),
  /** Where versions execute; default: chosen by what each version costs. */
  ANNEAL_SERVING_PLACEMENT: oneOf(['http-thread', 'executor-thread', 'executor-process']).optional(),
  /** Batches adapt to answer 99 of 100 requests within this, milliseconds. */
  ANNEAL_SERVING_P99_MS: number(1, 60_000).optional(),
  /** A serving process whose event loop has not turned for so many seconds is killed and replaced. */
  ANNEAL_SERVING_HANG_SECONDS: number(1, 3600).default(5),
  /** JSON file of who may ask the inference host for which models; default: whoever reaches it. */
  ANNEAL_SERVING_TOKENS: z.string().min(1).optional(),
  /** PEM files: the inference host speaks TLS, and with the third wants certificates of its clients. */
  ANNEAL_TLS_CERT: z.string().min(1).optional(),
  ANNEAL_TLS_KEY: z.string().min(1).optional(),
  ANNEAL_TLS_CLIENT_CA: z.string().min(1).optional(),
  /** What the command shows a host that wants a token or certificates, and by what it knows the host; PEM files. */
  ANNEAL_INFERENCE_URL: address('https://inference.example:8080').optional(),
  ANNEAL_INFERENCE_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'expected a token without spaces')
    .optional(),
  ANNEAL_INFERENCE_CA: z.string().min(1).optional(),
  ANNEAL_INFERENCE_CERT: z.string().min(1).optional(),
  ANNEAL_INFERENCE_KEY: z.string().min(1).optional(),
  /** Stable name of this inference host; its task queue and its lease bear it. */
  ANNEAL_HOST_ID: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'expected at most 64 letters, digits, ".", "_" and "-"')
    .optional(),
  /** Training activities at a time on this worker; default: one for each graphics card, or one. */
  ANNEAL_TRAINING_SLOTS: whole(1, 64).optional(),
  /** Threads of one training process; default: all cores, divided by the slots. */
  ANNEAL_TRAINING_THREADS: whole(1, 256).optional(),
  /** Share of the requests for predictions that are logged. */
  ANNEAL_PREDICTION_LOG: number(0, 1).default(0),
  ANNEAL_PREDICTION_LOG_RETENTION_DAYS: number(1, 36_500).default(30),
  ANNEAL_LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
  /** File that `npm run build:workflows` wrote; default: the workflows are bundled at the worker's start. */
  ANNEAL_WORKFLOW_BUNDLE: z.string().min(1).optional(),
  TEMPORAL_ADDRESS: z.string().min(1).optional(),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
  MLFLOW_TRACKING_URI: address('http://127.0.0.1:5000').optional(),
  /** MLflow's own variables for a server with logins: a token, or a name and a password. */
  MLFLOW_TRACKING_TOKEN: z.string().min(1).optional(),
  MLFLOW_TRACKING_USERNAME: z.string().min(1).optional(),
  MLFLOW_TRACKING_PASSWORD: z.string().min(1).optional(),
  /** OpenTelemetry's own variables; its SDK reads the others itself. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.string().optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: z.string().optional(),
  OTEL_TRACES_EXPORTER: z.string().optional(),
  OTEL_TRACES_SAMPLER: z.string().optional(),
  OTEL_TRACES_SAMPLER_ARG: z.string().optional(),
  OTEL_SDK_DISABLED: z.string().optional(),
  /** Addresses that people open in a browser, where they differ from those that the workers use. */
  ANNEAL_TEMPORAL_UI_URL: address('http://127.0.0.1:8233').optional(),
  ANNEAL_MLFLOW_UI_URL: address('http://127.0.0.1:5000').optional(),
});

/** Everything that a process of Anneal takes from its environment, parsed once at its start. */
export interface Settings {
  /** Absolute. */
  readonly home: string;
  /** Absolute. */
  readonly artifacts: string;
  /** Where files lie until they are stored; absolute. */
  readonly scratch: string;
  /** `s3://<bucket>[/<prefix>]`; absent: the store is the directory `artifacts`. */
  readonly artifactStore?: string;
  /** Limit of the local cache of a store in S3, bytes. */
  readonly artifactCacheBytes: number;
  readonly s3: { readonly endpoint?: string; readonly region?: string };
  readonly ports: {
    readonly temporal: number;
    readonly temporalUi: number;
    readonly mlflow: number;
    readonly http: number;
    /** 0: any that is free. */
    readonly grpc: number;
  };
  readonly httpHost: string;
  readonly hostId: string;
  readonly serving: ServingSettings;
  /** How the command reaches the host. */
  readonly inference: InferenceAccess;
  readonly training: {
    /** Absent: by the devices that the worker finds. */
    readonly slots?: number;
    /** Absent: all cores, divided by the slots. */
    readonly threads?: number;
    /** Of `CUDA_VISIBLE_DEVICES`. */
    readonly visibleDevices?: string;
  };
  /** Share of the requests that are logged, and how long. */
  readonly predictionLog: { readonly share: number; readonly retentionDays: number };
  readonly logLevel: string;
  /** Whether spans are made: OpenTelemetry's variables name an endpoint, and do not disable it. */
  readonly tracing: boolean;
  readonly workflowBundle?: string;
  readonly temporal: { readonly address: string; readonly namespace: string; readonly uiUrl: string; readonly external: boolean };
  readonly mlflow: { readonly trackingUri: string; readonly uiUrl: string; readonly auth?: MlflowAuth; readonly external: boolean };
}

export interface InferenceAccess {
  /** Absent: that of the stack. */
  readonly url?: string;
  readonly token?: string;
  /** Paths of PEM files: the authority of the host's certificate, a certificate of one's own and its key. */
  readonly authority?: string;
  readonly certificate?: string;
  readonly key?: string;
  /** The stack's host speaks TLS. */
  readonly isSecure: boolean;
}

/** What is absent is measured or chosen by the host. */
export interface ServingSettings {
  readonly processes?: number;
  readonly executors?: number;
  readonly threads?: number;
  readonly placement?: 'http-thread' | 'executor-thread' | 'executor-process';
  readonly targetP99Ms?: number;
  readonly hangSeconds: number;
  /** Path of the file of tokens; absolute. */
  readonly tokens?: string;
  /** Paths of PEM files; absolute. */
  readonly tls: { readonly certificate?: string; readonly key?: string; readonly clientAuthority?: string };
}

/** Variables that begin like Anneal's own and that it does not know, with the one that was probably meant. */
export function misspeltVariables(env: NodeJS.ProcessEnv): readonly { readonly name: string; readonly meant: string }[] {
  const known = Object.keys(environment.shape).filter((name) => name.startsWith(ownPrefix));
  return Object.keys(env)
    .filter((name) => name.startsWith(ownPrefix) && !known.includes(name))
    .flatMap((name) => {
      const meant = similarName(name, known);
      return meant === undefined ? [] : [{ name, meant }];
    });
}

const ownPrefix = 'ANNEAL_';

const secrets: ReadonlySet<string> = new Set(['ANNEAL_INFERENCE_TOKEN', 'MLFLOW_TRACKING_TOKEN', 'MLFLOW_TRACKING_PASSWORD']);

/**
 * @param onTracingProblem told when spans cannot be sent to where the variables say; then there is no tracing. @default throws it
 * @throws Error that names the variable, what it holds and what it takes
 */
export function readSettings(env: NodeJS.ProcessEnv = process.env, onTracingProblem?: (error: Error) => void): Settings {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = environment.safeParse(present);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const name = String(issue.path[0]);
    const shown = secrets.has(name) ? 'something' : `"${env[name]}"`;
    throw new Error(
      `The environment variable ${name} is set to ${shown}, which Anneal cannot use: ${issue.message}. Correct it or unset it.`,
    );
  }
  const values = parsed.data;
  const home = resolve(values.ANNEAL_HOME);
  const mlflowUri = (values.MLFLOW_TRACKING_URI ?? `http://127.0.0.1:${values.ANNEAL_MLFLOW_PORT}`).replace(/\/+$/, '');
  return {
    home,
    artifacts: resolve(values.ANNEAL_ARTIFACTS ?? `${home}/artifacts`),
    scratch: `${home}/scratch`,
    artifactStore: values.ANNEAL_ARTIFACT_STORE,
    artifactCacheBytes: sizeInBytes(values.ANNEAL_ARTIFACT_CACHE),
    s3: { endpoint: values.AWS_ENDPOINT_URL_S3 ?? values.AWS_ENDPOINT_URL, region: values.AWS_REGION },
    ports: {
      temporal: values.ANNEAL_TEMPORAL_PORT,
      temporalUi: values.ANNEAL_TEMPORAL_UI_PORT,
      mlflow: values.ANNEAL_MLFLOW_PORT,
      http: values.ANNEAL_HTTP_PORT,
      grpc: values.ANNEAL_GRPC_PORT ?? (values.ANNEAL_HTTP_PORT === defaultPorts.http ? defaultPorts.grpc : 0),
    },
    httpHost: values.ANNEAL_HTTP_HOST,
    hostId:
      values.ANNEAL_HOST_ID ??
      `${hostname()
        .replace(/[^A-Za-z0-9_.-]/g, '-')
        .slice(0, 48)}-${values.ANNEAL_HTTP_PORT}`,
    serving: {
      processes: values.ANNEAL_SERVING_PROCESSES,
      executors: values.ANNEAL_SERVING_EXECUTORS,
      threads: values.ANNEAL_SERVING_THREADS,
      placement: values.ANNEAL_SERVING_PLACEMENT,
      targetP99Ms: values.ANNEAL_SERVING_P99_MS,
      hangSeconds: values.ANNEAL_SERVING_HANG_SECONDS,
      tokens: absolute(values.ANNEAL_SERVING_TOKENS),
      tls: {
        certificate: absolute(values.ANNEAL_TLS_CERT),
        key: absolute(values.ANNEAL_TLS_KEY),
        clientAuthority: absolute(values.ANNEAL_TLS_CLIENT_CA),
      },
    },
    inference: {
      url: values.ANNEAL_INFERENCE_URL,
      token: values.ANNEAL_INFERENCE_TOKEN,
      authority: values.ANNEAL_INFERENCE_CA,
      certificate: values.ANNEAL_INFERENCE_CERT,
      key: values.ANNEAL_INFERENCE_KEY,
      isSecure: values.ANNEAL_TLS_CERT !== undefined,
    },
    training: {
      slots: values.ANNEAL_TRAINING_SLOTS,
      threads: values.ANNEAL_TRAINING_THREADS,
      // CUDA's own variable, and there an empty text says something: no card at all.
      visibleDevices: env.CUDA_VISIBLE_DEVICES,
    },
    predictionLog: { share: values.ANNEAL_PREDICTION_LOG, retentionDays: values.ANNEAL_PREDICTION_LOG_RETENTION_DAYS },
    logLevel: values.ANNEAL_LOG_LEVEL,
    tracing: onTracingProblem ? tracingIfUsable(values, onTracingProblem) : wantsTracing(values),
    workflowBundle: values.ANNEAL_WORKFLOW_BUNDLE,
    temporal: {
      address: values.TEMPORAL_ADDRESS ?? `127.0.0.1:${values.ANNEAL_TEMPORAL_PORT}`,
      namespace: values.TEMPORAL_NAMESPACE,
      uiUrl: (values.ANNEAL_TEMPORAL_UI_URL ?? `http://127.0.0.1:${values.ANNEAL_TEMPORAL_UI_PORT}`).replace(/\/+$/, ''),
      external: values.TEMPORAL_ADDRESS !== undefined,
    },
    mlflow: {
      trackingUri: mlflowUri,
      uiUrl: (values.ANNEAL_MLFLOW_UI_URL ?? mlflowUri).replace(/\/+$/, ''),
      auth: mlflowAuth(values),
      external: values.MLFLOW_TRACKING_URI !== undefined,
    },
  };
}

function tracingIfUsable(values: Parameters<typeof wantsTracing>[0], onProblem: (error: Error) => void): boolean {
  try {
    return wantsTracing(values);
  } catch (error) {
    onProblem(error as Error);
    return false;
  }
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}

function mlflowAuth(values: z.output<typeof environment>): MlflowAuth | undefined {
  const { MLFLOW_TRACKING_TOKEN: token, MLFLOW_TRACKING_USERNAME: username, MLFLOW_TRACKING_PASSWORD: password } = values;
  if (token) return { token };
  return username && password ? { username, password } : undefined;
}
