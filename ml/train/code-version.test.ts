import { describe, expect, it } from '@jest/globals';
import { codeVersion } from './code-version.js';

describe('codeVersion', () => {
  it('names what decides the bits of a training', () => {
    expect(codeVersion).toMatch(/^anneal \d+\.\d+\.\d+ \([0-9a-f]{12}\), onnxruntime-node \d+\.\d+\.\d+, tfjs \d+\.\d+\.\d+$/);
  });
});
