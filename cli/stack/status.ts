import colors from 'picocolors';
import type { Settings } from '../../workers/settings.js';
import { duration, table } from '../output.js';
import type { ProcessPlaces } from '../../contracts/serving-places.js';
import { grpcHealth } from './grpc-health.js';
import { hostHealth, isMlflowHealthy, isTemporalServing } from './health.js';
import { hostPlaces, placesHead, placesRows } from './host-places.js';
import { isAlive } from './process-identity.js';
import { grpcAddress, inferenceUrl } from './inference-url.js';
import { stackCondition, type ServiceState } from './stack-state.js';
import { lastSeenText, readTrainingWorkers, type TrainingWorker } from './training-workers.js';

export interface StackStatus {
  readonly home: string;
  readonly stack: 'running' | 'killed' | 'not running';
  readonly pid?: number;
  readonly uptimeMs?: number;
  readonly services: readonly (ServiceState & { readonly alive: boolean })[];
  /** Whether each answers, whoever runs it. */
  readonly endpoints: readonly {
    readonly name: string;
    readonly address: string;
    readonly ui?: string;
    readonly answers: boolean;
    /** Of an inference host that answers: it serves what it should. */
    readonly ready?: boolean;
    /** Why it cannot be asked, where it may well run, and what to do. */
    readonly problem?: string;
    readonly external: boolean;
  }[];
  /** Whoever trains, on this machine or on others. */
  readonly trainingWorkers: readonly TrainingWorker[];
  /** Where the versions of the host execute; empty where it cannot be asked. */
  readonly executors: readonly ProcessPlaces[];
  /** Every part runs and answers. */
  readonly healthy: boolean;
}

/** Look at the processes of the stack and ask each server. Never throws for a part that is down. */
export async function readStackStatus(settings: Settings): Promise<StackStatus> {
  const condition = stackCondition(settings.home);
  const state = condition.kind === 'running' || condition.kind === 'stale' ? condition.state : undefined;
  const { temporal, mlflow } = settings;
  const httpUrl = inferenceUrl(settings);
  const grpc = grpcAddress(settings);
  const [temporalAnswers, mlflowAnswers, host, grpcHost, trainingWorkers, executors] = await Promise.all([
    isTemporalServing(settings),
    isMlflowHealthy(mlflow.trackingUri),
    hostHealth(httpUrl, settings.inference),
    grpc === undefined ? undefined : grpcHealth(grpc, settings.inference, settings.inference.isSecure),
    readTrainingWorkers(settings),
    hostPlaces(httpUrl, settings.inference),
  ]);
  const services = (state?.services ?? []).map((service) => ({ ...service, alive: isAlive(service) }));
  const running = condition.kind === 'running';
  return {
    home: settings.home,
    stack: running ? 'running' : condition.kind === 'stale' ? 'killed' : 'not running',
    ...(running ? { pid: state!.supervisor.pid, uptimeMs: Date.now() - state!.startedAtMs } : {}),
    services,
    endpoints: [
      { name: 'temporal', address: temporal.address, ui: temporal.uiUrl, answers: temporalAnswers, external: temporal.external },
      { name: 'mlflow', address: mlflow.trackingUri, ui: mlflow.uiUrl, answers: mlflowAnswers, external: mlflow.external },
      { name: 'inference', address: httpUrl, ...host, external: false },
      ...(grpc === undefined ? [] : [{ name: 'inference gRPC', address: grpc, ...grpcHost!, external: false }]),
    ],
    trainingWorkers,
    executors: executors ?? [],
    healthy:
      running &&
      services.every(({ alive, state: at }) => alive && at === 'ready') &&
      temporalAnswers &&
      mlflowAnswers &&
      host.answers &&
      (grpcHost?.answers ?? true),
  };
}

export function statusLines(
  { home, stack, pid, uptimeMs, services, endpoints, trainingWorkers, executors }: StackStatus,
  nowMs: number = Date.now(),
): string[] {
  const head =
    stack === 'running'
      ? `The stack in ${home} runs (process ${pid}, up for ${duration(uptimeMs!)}).`
      : stack === 'killed'
        ? `The stack in ${home} was killed. "anneal up" starts it again, "anneal down" ends what is left of it.`
        : `No stack runs in ${home}. "anneal up" starts one.`;
  const processes = services.map(({ name, pid: own, state, alive, restarts }) => [
    name,
    alive ? (state === 'ready' ? colors.green(state) : colors.yellow(state)) : colors.red('gone'),
    String(own),
    String(restarts),
  ]);
  const places = endpoints.map(({ name, address, ui, answers, ready, problem, external }) => [
    name,
    answers
      ? ready === false
        ? colors.yellow('answers, not ready')
        : colors.green('answers')
      : colors.red(problem === undefined ? 'does not answer' : 'cannot be asked'),
    ui ?? address,
    external ? 'run by others' : '',
  ]);
  const trainers = trainingWorkers.map(({ worker, devices, seenAtMs }) => [
    worker,
    devices ?? 'processor',
    colors.yellow(lastSeenText(seenAtMs, nowMs)),
  ]);
  const versions = placesRows(executors);
  return [
    head,
    ...(processes.length > 0 ? ['', ...table(['PROCESS', 'STATE', 'PID', 'RESTARTS'], processes)] : []),
    '',
    ...table(['SERVER', 'STATE', 'ADDRESS', ''], places),
    ...endpoints.flatMap(({ problem }) => (problem === undefined ? [] : [colors.yellow(problem)])),
    ...(versions.length > 0 ? ['', ...table(placesHead, versions)] : []),
    ...(trainingWorkers.length > 0 ? ['', ...table(['TRAINS', 'DEVICES', ''], trainers)] : []),
  ];
}
