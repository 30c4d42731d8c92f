import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { searchAttributeTypes } from '../../contracts/search-attributes.js';
import type { Settings } from '../../workers/settings.js';
import { compiledFlags, compiledModule } from '../../ml/child/compiled-module.js';
import { CommandError } from '../command-error.js';
import { projectRoot } from '../project-root.js';
import { isMlflowHealthy, isTemporalServing } from './health.js';
import { orphanMs } from '../../serving/orphan.js';
import { logPath } from './log-file.js';
import type { PortNeed } from './ports.js';
import type { ServiceSpec } from './supervised-process.js';

/** Of serving processes without their supervisor: they answer for a while, and then finish what they have. */
const servingOutlivesMs = orphanMs + 15_000;

export const workerNames = ['orchestration', 'data', 'training', 'inference'] as const;

/** Ports that this stack will listen on; none for a server that others run. */
export function portNeeds(settings: Settings): PortNeed[] {
  const { ports, temporal, mlflow, httpHost } = settings;
  const local = '127.0.0.1';
  return [
    ...(temporal.external
      ? []
      : [
          { port: ports.temporal, host: local, what: "Temporal's server", variable: 'ANNEAL_TEMPORAL_PORT' },
          { port: ports.temporalUi, host: local, what: "Temporal's UI", variable: 'ANNEAL_TEMPORAL_UI_PORT' },
        ]),
    ...(mlflow.external ? [] : [{ port: ports.mlflow, host: local, what: "MLflow's server", variable: 'ANNEAL_MLFLOW_PORT' }]),
    { port: ports.http, host: httpHost, what: 'the inference host', variable: 'ANNEAL_HTTP_PORT' },
    ...(ports.grpc === 0
      ? []
      : [{ port: ports.grpc, host: httpHost, what: "the inference host's gRPC server", variable: 'ANNEAL_GRPC_PORT' }]),
  ];
}

/** The servers of the embedded stack; none when others run them. */
export function serverSpecs(settings: Settings): ServiceSpec[] {
  return [...(settings.temporal.external ? [] : [temporalSpec(settings)]), ...(settings.mlflow.external ? [] : [mlflowSpec(settings)])];
}

function temporalSpec(settings: Settings): ServiceSpec {
  const { home, ports, temporal } = settings;
  const folder = join(home, 'temporal');
  mkdirSync(folder, { recursive: true });
  const namespace = temporal.namespace === 'default' ? [] : [`--namespace=${temporal.namespace}`];
  const attributes = Object.entries(searchAttributeTypes).map(([name, type]) => `--search-attribute=${name}=${type}`);
  return {
    name: 'temporal',
    program: findProgram('temporal'),
    // The HTTP and metrics ports are random by default, so two stacks do not meet there.
    args: [
      'server',
      'start-dev',
      '--ip=127.0.0.1',
      `--port=${ports.temporal}`,
      `--ui-port=${ports.temporalUi}`,
      `--db-filename=${join(folder, 'temporal.db')}`,
      '--log-level=warn',
      '--ui-disable-news-fetch',
      ...namespace,
      ...attributes,
    ],
    env: process.env,
    cwd: folder,
    logPath: logPath(home, 'temporal'),
    ready: () => isTemporalServing(settings),
    stopSignalTo: 'group',
    stopGraceMs: 10_000,
  };
}

function mlflowSpec(settings: Settings): ServiceSpec {
  const { home, ports, mlflow } = settings;
  const folder = join(home, 'mlflow');
  mkdirSync(join(folder, 'artifacts'), { recursive: true });
  return {
    name: 'mlflow',
    program: findProgram('mlflow'),
    args: [
      'server',
      '--host=127.0.0.1',
      `--port=${ports.mlflow}`,
      '--workers=1',
      `--backend-store-uri=sqlite:///${join(folder, 'mlflow.db')}`,
      `--artifacts-destination=${join(folder, 'artifacts')}`,
      '--uvicorn-opts=--log-level warning',
    ],
    // Its job runner is for evaluations that Anneal does not use, and would cost seven more Python processes.
    env: { ...process.env, MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false', MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet' },
    cwd: folder,
    logPath: logPath(home, 'mlflow'),
    ready: () => isMlflowHealthy(mlflow.trackingUri),
    stopSignalTo: 'group',
    stopGraceMs: 10_000,
  };
}

/** One worker of each kind; they wait by themselves for a server that is still starting. */
export function workerSpecs(settings: Settings): ServiceSpec[] {
  const env = workerEnvironment(settings);
  return workerNames.map((name) => ({
    name,
    program: process.execPath,
    args: [...compiledFlags, compiledModule(new URL(`../../workers/${name}.ts`, import.meta.url))],
    env,
    cwd: projectRoot,
    logPath: logPath(settings.home, name),
    ready: 'message',
    stopSignalTo: 'process',
    stopGraceMs: 30_000,
    ...(name === 'inference' ? { outlivedMs: servingOutlivesMs } : {}),
  }));
}

/** What the command decided, said in the variables that a worker reads. */
export function workerEnvironment(settings: Settings): NodeJS.ProcessEnv {
  const { home, artifacts, artifactStore, s3, ports, temporal, mlflow, httpHost, hostId, serving } = settings;
  return {
    ...process.env,
    ANNEAL_HOME: home,
    ANNEAL_ARTIFACTS: artifacts,
    ANNEAL_ARTIFACT_STORE: artifactStore,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_REGION: s3.region,
    ANNEAL_TEMPORAL_PORT: String(ports.temporal),
    ANNEAL_TEMPORAL_UI_PORT: String(ports.temporalUi),
    ANNEAL_MLFLOW_PORT: String(ports.mlflow),
    ANNEAL_HTTP_PORT: String(ports.http),
    ANNEAL_GRPC_PORT: String(ports.grpc),
    ANNEAL_HTTP_HOST: httpHost,
    ANNEAL_HOST_ID: hostId,
    // A relative path is one from where the command was called, and workers run elsewhere.
    ANNEAL_SERVING_TOKENS: serving.tokens,
    ANNEAL_TLS_CERT: serving.tls.certificate,
    ANNEAL_TLS_KEY: serving.tls.key,
    ANNEAL_TLS_CLIENT_CA: serving.tls.clientAuthority,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    ANNEAL_TEMPORAL_UI_URL: temporal.uiUrl,
    MLFLOW_TRACKING_URI: mlflow.trackingUri,
    ANNEAL_MLFLOW_UI_URL: mlflow.uiUrl,
  };
}

/** In the project's virtual environment, where the version is the one that was tested; Temporal's command also on PATH. */
function findProgram(name: 'temporal' | 'mlflow'): string {
  const ownFolder = join(projectRoot, '.venv', 'bin');
  const folders = name === 'temporal' ? [ownFolder, ...(process.env.PATH ?? '').split(delimiter)] : [ownFolder];
  const found = folders.filter((folder) => folder !== '').find((folder) => isExecutable(join(folder, name)));
  if (found) return join(found, name);
  throw new CommandError(
    `The program "${name}" is not installed in ${ownFolder}. Run "npm run setup" to install it, or set ${name === 'temporal' ? 'TEMPORAL_ADDRESS' : 'MLFLOW_TRACKING_URI'} to use a server that runs elsewhere.`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
