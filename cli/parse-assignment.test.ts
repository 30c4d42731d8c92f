import { describe, expect, test } from '@jest/globals';
import { exitCodes } from './command-error.js';
import { parseAssignment } from './parse-assignment.js';

describe('parseAssignment', () => {
  test.each([
    ['training.epochs=3', 'training.epochs', 3],
    ['model.hidden=[64,32]', 'model.hidden', [64, 32]],
    ['promotion.approval=manual', 'promotion.approval', 'manual'],
    ['target.expression=delay = 15', 'target.expression', 'delay = 15'],
    ['source.uri=', 'source.uri', ''],
    ['sweep=null', 'sweep', undefined],
  ])('reads %s', (text, path, value) => {
    expect(parseAssignment(text)).toEqual({ path, value });
  });

  test.each(['training.epochs', '=3'])('refuses %s as wrong usage', (text) => {
    expect(() => parseAssignment(text)).toThrow(expect.objectContaining({ exitCode: exitCodes.usage }));
  });
});
