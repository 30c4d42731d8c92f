import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { exitCodes } from './command-error.js';
import { parseInstances } from './predict/instances.js';
import { answeredRows, WholeAnswer } from './predict/answered-rows.js';
import { predictionText, predictionWriter, rowText } from './predict/prediction-output.js';

describe('parseInstances', () => {
  const row = { origin: 'SFO' };
  test.each([
    ['a row', row, [row]],
    ['several rows', [row, row], [row, row]],
    ['a whole request', { instances: [row] }, [row]],
  ])('takes %s', (_, value, rows) => {
    expect(parseInstances(JSON.stringify(value))).toEqual(rows);
  });

  test.each(["{'origin':'SFO'}", '[]', '[1]', '"SFO"', '{"instances":[]}', ''])('refuses %s as wrong usage', (text) => {
    expect(() => parseInstances(text)).toThrow(expect.objectContaining({ exitCode: exitCodes.usage }));
  });
});

describe('predictionText', () => {
  test('names the labels that a row has', () => {
    const probabilities = { rain: 0.9, wind: 0.61234, snow: 0.1 };
    expect(predictionText({ labels: { rain: true, wind: true, snow: false }, probabilities })).toBe(
      'rain (probability 0.9000), wind (probability 0.6123)',
    );
    expect(predictionText({ labels: { rain: false }, probabilities })).toBe('none');
  });

  test('shows the other quantiles beside the median', () => {
    expect(predictionText({ value: 12.5, quantiles: { '0.1': 3, '0.5': 12.5, '0.9': 30 } })).toBe('12.5 (0.1: 3, 0.9: 30)');
  });

  test.each([
    [
      { label: 'late', probability: 0.31, probabilities: { late: 0.31, 'on time': 0.69 } },
      'late (probability of on time 0.6900, of late 0.3100)',
    ],
    [{ label: 'c', probabilities: { a: 0.1, b: 0.2, c: 0.6, d: 0.1 } }, 'c (probability of c 0.6000, of b 0.2000, of a 0.1000, …)'],
    [{ label: 'late' }, 'late'],
    [{ value: 12.5 }, '12.5'],
  ])('says %j as %s', (prediction, text) => {
    expect(predictionText(prediction)).toBe(text);
  });
});

describe('rowText', () => {
  test.each([
    [{ value: 1, anomaly: 0.99 }, '1'],
    [{ value: 1, anomaly: 0.999 }, '1; unlike the training rows (anomaly 0.999)'],
    [{ value: 1, anomaly: 0.9, anomalous: true }, '1; unlike the training rows (anomaly 0.9)'],
    [{ value: 1, anomalous: true, degraded: 'prior' }, '1; answered by the training prior; unlike the training rows'],
    [{ value: 1, degraded: 'fallback' }, '1; answered by the fallback model'],
    [{ value: 1, degraded: 'cache' }, '1; answered by the last answer to the same input'],
  ] as const)('says of %j what is out of the ordinary', (row, text) => {
    expect(rowText(row)).toBe(text);
  });
});

describe('answers', () => {
  const rows = (...values: number[]) => ({ model: 'm', version: '3', predictions: values.map((value) => ({ value })) });

  test('mark all rows as degraded, or beside anomalous ones these alone', () => {
    expect(answeredRows({ ...rows(1, 2), degraded: 'cache' })).toEqual([
      { value: 1, degraded: 'cache' },
      { value: 2, degraded: 'cache' },
    ]);
    expect(answeredRows({ ...rows(1, 2), degraded: 'prior', anomalous: [1] })).toEqual([
      { value: 1 },
      { value: 2, degraded: 'prior', anomalous: true },
    ]);
  });

  test('of several requests are one, with positions over all rows', () => {
    const whole = new WholeAnswer();
    whole.add(rows(1, 2));
    whole.add({ ...rows(3, 4), degraded: 'prior', anomalous: [1] });
    expect(whole.result()).toEqual({
      model: 'm',
      version: '3',
      predictions: [{ value: 1 }, { value: 2 }, { value: 3 }, { value: 4, degraded: 'prior', anomalous: true }],
      degraded: 'prior',
      anomalous: [3],
    });
    const ordinary = new WholeAnswer();
    ordinary.add(rows(1));
    expect(ordinary.result()).toEqual(rows(1));
  });
});

describe('predictionWriter', () => {
  const binary = { label: 'late', probability: 0.75, probabilities: { 'on time': 0.25, late: 0.75 } };
  const many = { label: 'a"b', probabilities: { 'a"b': 0.5, 'c,d': 0.5 } };
  let printed: string;
  const write = process.stdout.write.bind(process.stdout);
  beforeEach(() => {
    printed = '';
    process.stdout.write = ((text: string) => {
      printed += text;
      return true;
    }) as typeof process.stdout.write;
  });
  afterEach(() => {
    process.stdout.write = write;
  });

  test.each([
    ['text', [binary], 'late (probability of late 0.7500, of on time 0.2500)\n'],
    ['csv', [binary, binary], 'prediction,probability\nlate,0.75\nlate,0.75\n'],
    ['csv', [many], 'prediction,"probability_a""b","probability_c,d"\n"a""b",0.5,0.5\n'],
    ['csv', [{ value: 1.5 }], 'prediction\n1.5\n'],
    ['csv', [{ value: 1.5, anomaly: 0.25 }], 'prediction,anomaly\n1.5,0.25\n'],
    ['jsonl', [{ value: 1, degraded: 'cache' }], '{"value":1,"degraded":"cache"}\n'],
    ['jsonl', [{ value: 1.5 }, { value: 2 }], '{"value":1.5}\n{"value":2}\n'],
  ] as const)('writes %s', (output, predictions, text) => {
    const writer = predictionWriter(output);
    for (const prediction of predictions) writer.write([prediction]);
    writer.end();
    expect(printed).toBe(text);
  });

  test('writes a column of what degraded, where something did', () => {
    const rows = [
      { value: 1, anomaly: 0.5 },
      { value: 2, degraded: 'prior' as const },
    ];
    predictionWriter('csv').write(rows);
    expect(printed).toBe('prediction,anomaly,degraded\n1,0.5,\n2,,prior\n');
    printed = '';
    const writer = predictionWriter('table');
    for (const row of rows) writer.write([row]);
    writer.end();
    expect(printed.split('\n').slice(1)).toEqual(['1    1           0.5', '2    2                    prior', '']);
  });

  test('says beside the rows that one degraded, when the header of CSV is out', () => {
    let noted = '';
    const writeError = process.stderr.write.bind(process.stderr);
    process.stderr.write = ((text: string) => ((noted += text), true)) as typeof process.stderr.write;
    try {
      const writer = predictionWriter('csv');
      writer.write([{ value: 1, anomaly: 0.5 }]);
      writer.write([{ value: 2, degraded: 'prior' }]);
      writer.write([{ value: 3, degraded: 'prior' }]);
    } finally {
      process.stderr.write = writeError;
    }
    expect(printed).toBe('prediction,anomaly\n1,0.5\n2,\n3,\n');
    expect(noted).toMatch(/^Row 2 was answered by the training prior[^\n]*\n$/);
  });

  test('writes a table whose columns are as wide as the widest row', () => {
    const writer = predictionWriter('table');
    writer.write([binary]);
    writer.write([{ ...binary, label: 'on time' }]);
    expect(printed).toBe('');
    writer.end();
    const lines = printed.split('\n').map(stripVTControlCharacters);
    expect(lines).toEqual(['ROW  PREDICTION  PROBABILITY OF late', '1    late        0.75', '2    on time     0.75', '']);
  });
});
