import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type DuckDBAppender, type DuckDBConnection, type DuckDBDataChunk, DuckDBInstance } from '@duckdb/node-api';
import { isDiskFull } from '../disk-full.js';
import { firstLine } from '../first-line.js';
import { withScratchDirectory } from '../scratch-directory.js';
import { registerScalarFunctions } from './transform/scalar-functions.js';

export interface DataSessionOptions {
  /** Where files being written and DuckDB's overflow lie for a while; made when it is not there. */
  readonly scratchRoot: string;
  /** Memory that the process may take for it, in bytes. @default 1 GiB */
  readonly memoryLimitBytes?: number;
  /** Interrupts the running query; the session's calls then fail with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Queries on a private in-memory database. One at a time; all are asynchronous, on DuckDB's own threads.
 * Each call takes a single statement: an expression that smuggles in a second one is refused by the parser.
 */
export interface DataSession {
  /** Private directory, removed with all that is in it when the session ends. */
  readonly scratch: string;
  /** @param onShare told now and then how much of it is done, from 0 to 1, where DuckDB knows */
  run(sql: string, onShare?: (share: number) => void): Promise<void>;
  /** All rows as objects by column name: BIGINT as bigint, DOUBLE as number, missing as null. */
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** The result in pieces of about 2,048 rows, in order, without holding all of it. */
  chunks(sql: string): AsyncIterable<DuckDBDataChunk>;
  /** Fill a table of the session from memory; the rows are in it when the call returns. */
  append(table: string, work: (appender: DuckDBAppender) => Promise<void>): Promise<void>;
  /** Run `work` on one thread: sums of floats then have one order, so that equal data give equal bits. */
  sequentially<T>(work: () => Promise<T>): Promise<T>;
}

const defaultMemoryBytes = 2 ** 30;
const shareEveryMs = 250;
/** What DuckDB itself counts; it holds more besides: allocator, threads' stacks, the chunks that are handed over. */
const uncounted = (limitBytes: number): number => Math.min(160 * 2 ** 20, limitBytes * 0.4);
/** What the threads may compute ahead of whoever reads a result in pieces; with less, they mostly wait for each other. */
const aheadBytes = (limitBytes: number): number => Math.min(16 * 2 ** 20, Math.floor(limitBytes / 32));
// DuckDB plans another writer for one thread than for several; two at least, so that files do not depend on the machine.
const threads = Math.max(2, Math.min(8, availableParallelism()));

/**
 * Open a DuckDB session, run `work` in it, and clean everything up, also after a failure.
 *
 * Rows keep the order of their file, so equal queries on equal files write equal files. Time zone UTC; no extension is
 * ever downloaded; at most `memoryLimitBytes` of memory, more goes to disk.
 *
 * @throws the signal's reason when it is aborted; otherwise what `work` throws
 */
export async function withDataSession<T>(options: DataSessionOptions, work: (session: DataSession) => Promise<T>): Promise<T> {
  const { signal, memoryLimitBytes: memoryBytes = defaultMemoryBytes } = options;
  signal?.throwIfAborted();
  return withScratchDirectory(options.scratchRoot, async (scratch) => {
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${Math.floor(memoryBytes - uncounted(memoryBytes))}B`,
      threads: String(threads),
      temp_directory: join(scratch, 'overflow'),
      preserve_insertion_order: 'true',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const connection = await instance.connect();
    const interrupt = () => connection.interrupt();
    signal?.addEventListener('abort', interrupt);
    try {
      await connection.run("SET TimeZone = 'UTC'");
      await connection.run(`SET streaming_buffer_size = '${aheadBytes(memoryBytes)}B'`);
      registerScalarFunctions(connection);
      return await work(sessionOf(connection, scratch, signal));
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', interrupt);
      connection.closeSync();
      instance.closeSync();
    }
  });
}

function sessionOf(connection: DuckDBConnection, scratch: string, signal: AbortSignal | undefined): DataSession {
  return {
    scratch,
    async run(sql, onShare) {
      signal?.throwIfAborted();
      const statement = await connection.prepare(sql);
      if (!onShare) {
        await statement.run();
        return;
      }
      // Without the first DuckDB does not count, with it alone it writes to the terminal.
      await connection.run('SET enable_progress_bar = true');
      await connection.run('SET enable_progress_bar_print = false');
      const timer = setInterval(() => {
        const { percentage } = connection.progress;
        if (percentage >= 0) onShare(percentage / 100);
      }, shareEveryMs);
      try {
        await statement.run();
      } finally {
        clearInterval(timer);
      }
    },
    async rows(sql) {
      signal?.throwIfAborted();
      const reader = await (await connection.prepare(sql)).runAndReadAll();
      return reader.getRowObjectsJS();
    },
    async *chunks(sql) {
      signal?.throwIfAborted();
      const result = await (await connection.prepare(sql)).stream();
      // DuckDB works on the next piece while the caller works on this one.
      const ahead = () => {
        const chunk = result.fetchChunk();
        // A failure is the caller's who comes for the piece; until then nobody waits for it.
        chunk.catch(() => undefined);
        return chunk;
      };
      let next = ahead();
      try {
        for (;;) {
          const chunk = await next;
          signal?.throwIfAborted();
          if (!chunk || chunk.rowCount === 0) return;
          next = ahead();
          yield chunk;
        }
      } finally {
        await next.catch(() => undefined);
      }
    },
    async append(table, work) {
      signal?.throwIfAborted();
      const appender = await connection.createAppender(table);
      try {
        await work(appender);
        appender.flushSync();
      } catch (error) {
        appender.clear();
        throw error;
      } finally {
        appender.closeSync();
      }
    },
    async sequentially(work) {
      await connection.run('SET threads = 1');
      try {
        return await work();
      } finally {
        await connection.run(`SET threads = ${threads}`);
      }
    },
  };
}

/** Whether the machine (memory, disk), not the data, is why a query failed: another attempt may succeed. */
export function isResourceFailure(error: unknown): boolean {
  const isOfMachine = /^(Out of Memory|INTERRUPT|TransactionContext)\b|could not be allocated|failed to allocate|Could not write/i;
  return isDiskFull(error) || isOfMachine.test(firstLine(error));
}
