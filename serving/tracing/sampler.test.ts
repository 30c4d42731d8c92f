import { expect, it } from '@jest/globals';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-node';
import { samplerOf } from './sampler.js';
import { newTraceId } from './span-ids.js';
import { readTraceParent } from './trace-parent.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parent = (flags: string) => readTraceParent(`00-${traceId}-b7ad6b7169203331-${flags}`)!;
const [sampled, unsampled] = [parent('01'), parent('00')];
const share = (OTEL_TRACES_SAMPLER: string, OTEL_TRACES_SAMPLER_ARG: string) => ({ OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG });

// Two requests without a parent, for which 0.005 and 0.5 are drawn.
it.each([
  [{}, true, false, [true, false]],
  [share('', ''), true, false, [true, false]],
  [share('parentbased_traceidratio', ''), true, false, [true, true]],
  [share('parentbased_traceidratio', '0.2'), true, false, [true, false]],
  [share('parentbased_always_on', ''), true, false, [true, true]],
  [share('parentbased_always_off', ''), true, false, [false, false]],
  [share('always_on', ''), true, true, [true, true]],
  [share('always_off', ''), false, false, [false, false]],
  [share('traceidratio', '0'), false, false, [false, false]],
])('%j', (env, ofSampled, ofUnsampled, ofRoots) => {
  const draws = [0.005, 0.5];
  const sampler = samplerOf(env, () => draws.shift()!);
  expect([sampler(sampled), sampler(unsampled)]).toEqual([ofSampled, ofUnsampled]);
  expect([sampler(undefined), sampler(undefined)]).toEqual(ofRoots);
});

it("takes the same traces of a caller's as OpenTelemetry's SDK", () => {
  const ours = samplerOf(share('traceidratio', '0.3'));
  const theirs = new TraceIdRatioBasedSampler(0.3);
  for (let i = 0; i < 1000; i++) {
    const id = newTraceId();
    const hex = Buffer.from(id).toString('hex');
    const expected = theirs.shouldSample(ROOT_CONTEXT, hex).decision === SamplingDecision.RECORD_AND_SAMPLED;
    expect(ours({ ...unsampled, traceId: id })).toBe(expected);
  }
});

it.each([
  [undefined],
  [''],
  ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'],
  ['ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ['00-00000000000000000000000000000000-b7ad6b7169203331-01'],
  ['00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01'],
  ['00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01'],
  ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more'],
])('%p is the context of no caller', (header) => {
  expect(readTraceParent(header)).toBeUndefined();
});

it('reads a version to come by what it has in common with the first', () => {
  expect(readTraceParent('01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more', 'a=b')).toMatchObject({
    isSampled: true,
    traceState: 'a=b',
  });
});
