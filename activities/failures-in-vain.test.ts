import { describe, expect, it } from '@jest/globals';
import type { FailuresInVain } from '../contracts/training.js';
import { DiskFullError, isDiskFull } from '../ml/disk-full.js';
import { TrainingChildError } from '../ml/train/child/training-child-error.js';
import { scratchFolder, trainingDiskFull } from './disk-full.js';
import { countAttempt, countFailure, isLastInVain, pauseAfterMs } from './failures-in-vain.js';

const module = './models/my-net.ts';
const exit = new TrainingChildError('It was ended with exit code 7.', { exitCode: 7 });
const crash = new TrainingChildError('It was ended by signal SIGABRT.', { signal: 'SIGABRT' });
const heap = new TrainingChildError('It was ended by signal SIGABRT.', { signal: 'SIGABRT', shortage: 'heap' });
const noMemory = new TrainingChildError('It was ended by signal SIGABRT.', { signal: 'SIGABRT', shortage: 'machine' });
const killed = new TrainingChildError('It was ended by signal SIGKILL.', { signal: 'SIGKILL' });

/** @returns the type of what each failure ends in; undefined where it is tried again */
function typesOf(failures: readonly (readonly [TrainingChildError, number])[], module?: string): (string | undefined)[] {
  let counted: FailuresInVain | undefined;
  return failures.map(([failure, step]) => {
    const { failures: next, error } = countFailure(counted, failure, step, module);
    counted = JSON.parse(JSON.stringify(next)) as FailuresInVain;
    return error === failure ? undefined : (error as { type?: string }).type;
  });
}

describe('countAttempt', () => {
  it('gives up after twenty attempts that did not get further, and says since when', () => {
    let attempts = countAttempt({ step: 0, begun: 0 });
    for (let i = 1; i < 20; i++) {
      expect(isLastInVain(attempts)).toBe(false);
      attempts = countAttempt(attempts);
    }
    expect(attempts).toEqual({ step: 0, begun: 20 });
    expect(isLastInVain(attempts)).toBe(true);
    expect(() => countAttempt(attempts)).toThrow(/^The training was begun 20 times, and its worker ended or fell silent each time/);
    expect(() => countAttempt({ step: 300, begun: 20 })).toThrow(/begun 20 times since its checkpoint of step 300, and/);
  });
});

describe('countFailure', () => {
  it('gives an exit up the third time that nothing was stored in between', () => {
    expect(typesOf([0, 0, 0].map((step) => [exit, step] as const))).toEqual([undefined, undefined, 'TrainingCrashed']);
  });

  it('gives a signal up the tenth time', () => {
    const types = typesOf(Array.from({ length: 10 }, () => [killed, 40] as const));
    expect(types.slice(0, 9).every((type) => type === undefined)).toBe(true);
    expect(types[9]).toBe('TrainingCrashed');
  });

  it.each(['SIGABRT', 'SIGSEGV', 'SIGILL', 'SIGBUS', 'SIGFPE', 'SIGTRAP'] as const)(
    'counts %s as an exit where a model file runs, and only there',
    (signal) => {
      const crashes = [0, 0, 0].map((step) => [new TrainingChildError('It crashed.', { signal }), step] as const);
      expect(typesOf(crashes, module)).toEqual([undefined, undefined, 'TrainingCrashed']);
      expect(typesOf(crashes)).toEqual([undefined, undefined, undefined]);
    },
  );

  it('counts exits and crashes together, and a kill or a machine without memory not among them, whose model it may be', () => {
    const at0 = (...failures: TrainingChildError[]) => failures.map((failure) => [failure, 0] as const);
    expect(typesOf(at0(exit, crash, heap), module)).toEqual([undefined, undefined, 'TrainingCrashed']);
    for (const passing of [killed, noMemory]) {
      expect(typesOf(at0(...Array.from({ length: 10 }, () => passing)), module)).toEqual([...Array(9).fill(undefined), 'TrainingCrashed']);
      expect(typesOf(at0(passing, crash, passing, crash, passing, crash), module).indexOf('TrainingCrashed')).toBe(5);
    }
  });

  it('counts anew whenever a further checkpoint was stored', () => {
    expect(typesOf(Array.from({ length: 50 }, (_, i) => [exit, i + 1] as const)).every((type) => type === undefined)).toBe(true);
    expect(typesOf([0, 0, 5, 5, 5].map((step) => [exit, step] as const)).at(-1)).toBe('TrainingCrashed');
  });

  it('says what happened, how often, and since which step', () => {
    const before = { step: 30, failures: 9, exits: 0 };
    expect(countFailure(before, killed, 30).error.message).toMatch(
      /^It was ended by signal SIGKILL\. It failed 10 times without a new checkpoint in between after step 30, so it is not tried again\. /,
    );
  });

  it('names the signal, the model file and what to look for', () => {
    const before = { step: 0, failures: 2, exits: 2 };
    expect(countFailure(before, crash, 0, module).error.message).toBe(
      'It was ended by signal SIGABRT. It was ended by what runs in it 3 times without a new checkpoint in between, so it is not tried again. SIGABRT comes from code in the process, where the model file ./models/my-net.ts runs: look for process.abort in it and in what it imports, and for packages with native code.',
    );
  });

  it('names memory where the heap of JavaScript was full', () => {
    const { message } = countFailure({ step: 0, failures: 2, exits: 2 }, heap, 0, module).error;
    expect(message).toMatch(/what the model file \.\/models\/my-net\.ts keeps in arrays and objects, .*--max-old-space-size/);
    expect(message).not.toContain('process.abort');
  });
});

it('says of a full disk, in place of memory, what to clear and how the run goes on', async () => {
  const cause = new Error('ENOSPC: no space left on device, write');
  const inChild = new TrainingChildError('The training failed: ENOSPC: no space left on device, write.', undefined, { cause });
  const inStore = new DiskFullError(
    '…',
    { folder: { path: '/', name: 'the artifact store', elsewhere: 'point ANNEAL_ARTIFACTS elsewhere' } },
    { cause },
  );
  expect(isDiskFull(inChild)).toBe(true);
  const full = await trainingDiskFull(inChild, scratchFolder('/'));
  expect(full.message).toMatch(
    /^The disk of the scratch folder \/, or its quota, is full: ENOSPC: no space left on device, write\. What .* leaves [\d.]+ .?B free\. .*Free some space there, or point ANNEAL_HOME at a larger disk\. It is tried again from the last checkpoint\.$/,
  );
  expect((await trainingDiskFull(inStore, scratchFolder('/scratch'))).happened).toMatch(/^The disk of the artifact store \/, .*: ENOSPC/);
  const { message } = countFailure({ step: 30, failures: 9, exits: 0 }, full, 30).error;
  expect(message).toMatch(
    /failed 10 times .* after step 30, .*Free some space there, .*Then Temporal's Reset lets the run go on from its last/,
  );
  expect(message).not.toContain('memory');
});

describe('pauseAfterMs', () => {
  it('doubles from failure to failure up to half a minute, and begins anew after progress', () => {
    let counted: FailuresInVain | undefined;
    const pauses = [0, 0, 0, 0, 0, 0, 50, 50].map((step) => {
      counted = countFailure(counted, killed, step).failures;
      return pauseAfterMs(counted);
    });
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 1000, 2000]);
  });
});
