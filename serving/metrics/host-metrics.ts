import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue } from 'prom-client';

/** What one process tells, as prom-client's `getMetricsAsJSON` gives it. */
export type ProcessMetrics = readonly MetricObjectWithValues<MetricValue<string>>[];

/**
 * The metrics of all processes of a host, whose counts never go back while its supervisor lives.
 *
 * Counters and histograms of a host are sums over its processes. Where one ends, or is too busy to answer a scrape, the sums would
 * fall by what it had counted; Prometheus takes that for a new start of the host, and counts what the others tell once more. So what
 * each told last goes on being counted. What a process counted between the last scrape and its end is lost.
 */
export class HostMetrics {
  readonly #told = new Map<number, { readonly pid: number | undefined; readonly metrics: ProcessMetrics }>();
  #ended: ProcessMetrics = [];

  /**
   * @param place of the process among those of its host; the next process there has taken the place of one that ended
   * @param pid of the process
   */
  told(place: number, pid: number | undefined, metrics: ProcessMetrics): void {
    const before = this.#told.get(place);
    if (before && before.pid !== pid) this.#ended = added([this.#ended, countsOf(before.metrics)]);
    this.#told.set(place, { pid, metrics });
  }

  /**
   * @param answered places of the processes that have just told theirs; the gauges of others would be out of date
   * @returns to be rolled up
   */
  all(answered: ReadonlySet<number>): ProcessMetrics[] {
    const told = [...this.#told].map(([place, { metrics }]) => (answered.has(place) ? metrics : countsOf(metrics)));
    return [...told, this.#ended];
  }
}

function countsOf(metrics: ProcessMetrics): ProcessMetrics {
  // Its type says that these are numbers of an enumeration; they are words.
  return metrics.filter(({ type }) => ['counter', 'histogram'].includes(String(type)));
}

function added(processes: readonly ProcessMetrics[]): ProcessMetrics {
  // Its type says `object[]`; what it gives has a function besides, which is in the way of nothing.
  return AggregatorRegistry.aggregate(processes as unknown as object[]).getMetricsAsArray() as unknown as ProcessMetrics;
}
