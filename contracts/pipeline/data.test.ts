import { describe, expect, it } from '@jest/globals';
import { dataSpec, sizeInBytes } from './data.js';

describe('sizeInBytes', () => {
  it.each([
    ['1GiB', 1_073_741_824],
    ['512MiB', 536_870_912],
    ['1.5GB', 1_500_000_000],
    ['2 TB', 2_000_000_000_000],
    ['0.3KB', 300],
    ['1KiB', 1024],
  ])('reads %s', (text, bytes) => {
    expect(sizeInBytes(text)).toBe(bytes);
  });

  it.each(['', '1', 'GiB', '1gib', '-1GiB', '1e3MB', '1GiB;', '.5GB', '1  GB'])('knows no size %j', (text) => {
    expect(sizeInBytes(text)).toBeNaN();
  });
});

describe('the limits of the stages', () => {
  it('are there where nobody says anything', () => {
    expect(dataSpec.parse({})).toEqual({ memoryLimit: '1GiB', partitionSize: '256MiB', concurrency: 4 });
  });

  it.each([
    [{ memoryLimit: '256MiB' }],
    [{ memoryLimit: '64 GiB', partitionSize: '1MiB' }],
    [{ partitionSize: '1TB', concurrency: 1 }],
    [{ concurrency: 64 }],
  ])('can be %j', (limits) => {
    expect(dataSpec.parse(limits)).toMatchObject(limits);
  });

  it.each<[object, string]>([
    [{ memoryLimit: '255MiB' }, 'at least 256MiB'],
    [{ memoryLimit: '268MB' }, 'at least 256MiB'],
    [{ partitionSize: '1MB' }, 'at least 1MiB'],
    [{ partitionSize: 'all' }, 'write a size with its unit'],
    [{ memoryLimit: 1_073_741_824 }, 'expected string'],
    [{ concurrency: 0 }, '>=1'],
    [{ concurrency: 1.5 }, 'expected int'],
    [{ concurrency: 65 }, '<=64'],
    [{ memory: '1GiB' }, 'Unrecognized key'],
  ])('cannot be %j', (limits, message) => {
    const { success, error } = dataSpec.safeParse(limits);
    expect(success).toBe(false);
    // Once: a text that is no size is not called too small as well.
    expect(error!.issues).toHaveLength(1);
    expect(error!.issues[0].message).toContain(message);
  });
});
