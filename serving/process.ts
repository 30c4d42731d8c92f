import cluster from 'node:cluster';
import { pino } from 'pino';
import { AnnealError } from '../contracts/failures.js';
import { endWithParent } from '../ml/child/end-with-parent.js';
import type {
  CollectedMessage,
  CollectMessage,
  CommandMessage,
  ListenerName,
  ListeningMessage,
  ReplyMessage,
  ServingCommands,
} from './process-messages.js';
import { awaitTakeover } from './orphan.js';
import { ServingHost, type Collect } from './serving-host.js';

/**
 * A serving process: HTTP server, gRPC server and executors. Started by a supervisor with `fork`, which tells it over IPC what to load;
 * it ends when it is told to drain. Without its supervisor it answers on until the next one takes over, for a minute or so.
 */

const logger = pino({ name: 'anneal-serving' });

/** How long requests may take to finish when there is no supervisor. */
const orphanDrainMs = 5000;

if (!process.send) throw new Error('serving/process.ts is started by the inference worker: run workers/inference.ts.');

// Ctrl-C reaches the whole process group; the supervisor decides when this process ends, as long as there is one.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (process.connected) logger.debug({ signal }, 'left to the supervisor');
    else finish();
  });

// Node ends a worker whose primary is gone at once.
if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;

const collecting = new Map<number, (results: CollectedMessage['results']) => void>();
let nextCollect = 1;

const collect: Collect = (command) =>
  new Promise((resolve) => {
    const id = nextCollect++;
    // The results are those of that command.
    collecting.set(id, resolve as (results: CollectedMessage['results']) => void);
    send({ collect: id, command });
  });
const host = new ServingHost(
  logger,
  collect,
  // Its exit would wait for the thread. The supervisor starts another process.
  () => process.kill(process.pid, 'SIGKILL'),
);

const stillHere = endWithParent(2 * orphanDrainMs);
process.on('disconnect', () => {
  for (const settle of collecting.values()) settle([]);
  const place = host.orphaned();
  if (!place) return finish();
  logger.warn({ forMs: place.forMs }, 'the supervisor is gone; answering without it until another one takes over');
  return void awaitTakeover(place, () => host.stopListening(), stillHere).then(
    () => finish('answers no more in place of its supervisor'),
    (error: unknown) => finish(`cannot be taken over, and ends: ${String(error)}`),
  );
});

/** Finish the requests that are here, and end. */
function finish(why?: string): void {
  if (why !== undefined) logger.warn(why);
  setTimeout(() => process.exit(0), orphanDrainMs).unref();
  void host.handlers.drain(null).then(() => process.exit(0));
}

process.on('message', (message: CommandMessage | CollectedMessage) => {
  if ('collected' in message) {
    collecting.get(message.collected)?.(message.results);
    collecting.delete(message.collected);
  } else void handle(message).then(send);
});

// What is sent to a worker of a cluster before it listens is lost.
send({ isListening: true });

async function handle({ id, command, input }: CommandMessage): Promise<ReplyMessage> {
  try {
    if (command === 'start') logger.level = (input as ServingCommands['start']['input']).logLevel;
    // The message's type ties each command to its input; the compiler cannot follow that through a lookup.
    const result = await (host.handlers[command] as (input: unknown) => Promise<unknown>)(input);
    return { id, ok: true, result };
  } catch (error) {
    const known = error instanceof AnnealError;
    return {
      id,
      ok: false,
      message: error instanceof Error ? error.message : String(error),
      ...(known
        ? { type: error.type, details: error.details }
        : { code: (error as NodeJS.ErrnoException).code, listener: (error as { listener?: ListenerName }).listener }),
    };
  }
}

function send(message: ReplyMessage | CollectMessage | ListeningMessage): void {
  // The callback takes the error of a channel that closed in the meantime; the supervisor does not wait for this reply then.
  if (process.connected) process.send!(message, undefined, undefined, () => undefined);
}
