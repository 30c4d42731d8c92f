import { Counter, Gauge, type Registry } from 'prom-client';
import type { ModelRegistry } from '../model-registry.js';
import { idleExecutorPids } from './process-runner.js';
import { residentBytes } from '../resident-bytes.js';

/** What a serving process tells of the executors of its versions, for Prometheus. */
export class ExecutorMetrics {
  readonly #deaths: Counter;
  readonly #restarts: Counter;
  readonly #stuck: Counter;

  constructor(prometheus: Registry, registry: ModelRegistry) {
    const registers = [prometheus];
    this.#deaths = new Counter({
      name: 'anneal_executor_deaths_total',
      help: 'Executors (threads or processes) that ended by themselves, by the signal that ended their process, or could not be started again; "signal" is none for threads, and whatever ended otherwise.',
      labelNames: ['model', 'signal'],
      registers,
    });
    this.#restarts = new Counter({
      name: 'anneal_executor_restarts_total',
      help: 'Executors that took the place of one that had ended by itself.',
      labelNames: ['model'],
      registers,
    });
    this.#stuck = new Counter({
      name: 'anneal_executor_timeouts_total',
      help: 'Executors that computed a batch for longer than executeTimeoutSeconds of the version, and were given up; deaths count them as well.',
      labelNames: ['model', 'version'],
      registers,
    });
    new Gauge({
      name: 'anneal_executors',
      help: 'Executors of a version that are alive; those of versions on the HTTP thread are not counted.',
      labelNames: ['model', 'version'],
      registers,
      collect() {
        this.reset();
        for (const { name, version, executor } of registry.held()) {
          const { alive } = executor.executors ?? {};
          if (alive !== undefined) this.inc({ model: name, version }, alive);
        }
      },
    });
    new Gauge({
      name: 'anneal_executor_resident_bytes',
      help: 'Memory of the executor processes of a version, where the system tells it (Linux); with empty labels, of those that wait for the next one.',
      labelNames: ['model', 'version'],
      registers,
      async collect() {
        this.reset();
        for (const { name, version, executor } of registry.held()) {
          for (const pid of executor.executors?.pids ?? []) this.inc({ model: name, version }, await residentBytes(pid));
        }
        for (const pid of idleExecutorPids()) this.inc({ model: '', version: '' }, await residentBytes(pid));
      },
    });
  }

  /** @param signal that ended its process */
  died(model: string, signal = 'none'): void {
    this.#deaths.inc({ model, signal });
  }

  stuck(model: string, version: string): void {
    this.#stuck.inc({ model, version });
  }

  replaced(model: string): void {
    this.#restarts.inc({ model });
  }
}
