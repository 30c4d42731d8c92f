import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { LeanHistogram } from './lean-histogram.js';

const options = { name: 'test_seconds', help: 'For the test.', buckets: [0.1, 1, 5] };

describe('LeanHistogram', () => {
  it("writes what prom-client's own histogram writes", async () => {
    const value = fc.double({ min: 0, max: 10, noNaN: true });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom('a', 'b'), value), { minLength: 1 }), async (observed) => {
        const [lean, theirs] = [new Registry(), new Registry()];
        const histogram = new LeanHistogram(options);
        histogram.registerIn(lean);
        const reference = new Histogram({ ...options, labelNames: ['model'], registers: [theirs] });
        for (const [model, each] of observed) {
          histogram.series({ model }).observe(each);
          reference.observe({ model }, each);
        }
        const lines = async (registry: Registry) => (await registry.metrics()).split('\n').map(sortLabels).sort();
        expect(await lines(lean)).toEqual(await lines(theirs));
      }),
      { numRuns: 30 },
    );
  });
});

/** The order of labels means nothing. */
function sortLabels(line: string): string {
  return line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').sort().join()}}`);
}
