import { describe, expect, it } from '@jest/globals';
import { parametersSummary, parametersText } from './parameters-text.js';

const parameters = { 'training.learningRate': 0.00212345, 'model.hidden': [128, 64], 'model.activation': 'tanh' };

describe('parametersText', () => {
  it('says each parameter by its last name and four digits', () => {
    expect(parametersText(parameters)).toBe('learningRate 0.002123, hidden [128,64], activation "tanh"');
  });
});

describe('parametersSummary', () => {
  it.each([
    [60, 'learningRate 0.002123, hidden [128,64], activation "tanh"'],
    [50, 'learningRate 0.002123, hidden [128,64] and 1 more'],
    [40, 'learningRate 0.002123 and 2 more'],
    [12, '3 parameters'],
  ])('cuts no parameter in two within %i characters', (limit, text) => {
    expect(parametersSummary(parameters, limit)).toBe(text);
  });
});
