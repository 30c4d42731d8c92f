import { describe, expect, it } from '@jest/globals';
import type { ModelManifest } from '../../contracts/model.js';
import { toPredictions, type ComputedRows } from '../predictions.js';
import { rowsJson } from './rows-json.js';
import { tinyManifest } from '../testing/tiny-bundle.js';

const binary: ModelManifest = { ...tinyManifest, task: 'binary', classes: ['on "time"', 'spät'] };
const numbers = Float32Array.of(0.1, 0.9, 0.25, 0.75, 1e-7, 0.9999999);
const decoded = (bytes: string): string => Buffer.from(bytes, 'latin1').toString();
const anomaly = Float32Array.of(0.5, 0.999, 0);

describe('the answer to rows', () => {
  it.each<[string, Omit<ComputedRows, 'version'>]>([
    ['two classes', { manifest: binary, outputs: { values: numbers, classIndex: Int32Array.of(1, 0, 1), anomaly } }],
    [
      'three classes',
      {
        manifest: { ...binary, task: 'multiclass', classes: ['0', '1', '2'] },
        outputs: { values: numbers, classIndex: Int32Array.of(1, 2) },
      },
    ],
    [
      'several labels',
      { manifest: { ...binary, task: 'multilabel', classes: ['a', 'b'], thresholds: [0.2, 0.8] }, outputs: { values: numbers, anomaly } },
    ],
    ['a value', { manifest: { ...binary, task: 'regression' }, outputs: { values: Float32Array.of(-181.4, 22, 3e12), anomaly } }],
    [
      'quantiles',
      { manifest: { ...binary, task: 'regression', quantiles: [0.1, 0.5, 0.9] }, outputs: { values: numbers }, degraded: 'prior' },
    ],
    [
      'rows that are unlike others',
      {
        manifest: binary,
        outputs: { values: numbers, classIndex: Int32Array.of(0, 0, 0), anomaly },
        anomalous: [1, 2],
        degraded: 'fallback',
      },
    ],
  ])('says of %s what the objects of a prediction say, number by number', (_what, computed) => {
    const { manifest, outputs, degraded, anomalous } = computed;
    const json = JSON.parse(decoded(rowsJson('a "model"', { ...computed, version: '7' }))) as unknown;
    expect(json).toEqual({
      model: 'a "model"',
      version: '7',
      predictions: toPredictions(manifest, outputs),
      ...(degraded ? { degraded } : {}),
      ...(anomalous ? { anomalous } : {}),
    });
  });

  it('names the model and the version of each answer, whichever was answered before', () => {
    const outputs = { values: numbers, classIndex: Int32Array.of(1, 0, 1) };
    const asked = [
      ['a', '1'],
      ['a', '1'],
      ['a', '2'],
      ['b', '2'],
      ['a', '1'],
    ];
    const named = asked.map(([model, version]) => {
      const json = JSON.parse(decoded(rowsJson(model, { manifest: binary, outputs, version }))) as { model: string; version: string };
      return [json.model, json.version];
    });
    expect(named).toEqual(asked);
  });
});
