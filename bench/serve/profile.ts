import type { AnomalyScore, ColumnProfile } from '../../contracts/training-profile.js';
import { countCells } from '../../ml/monitor/count-cells.js';
import { scoreScale } from '../../ml/monitor/score-scale.js';
import { indexSurprisals, numberSurprisals, squared } from '../../ml/monitor/surprisal.js';
import { airports, benchRows } from './rows.js';

/** As many steps as the profile of real flights has, of rows that differ from those that are asked. */
export function benchProfile(): { readonly profile: readonly ColumnProfile[]; readonly score: AnomalyScore } {
  const rows = benchRows(4000);
  const distances = Float32Array.from(rows, (_, i) => 90 + ((i * 7919) % 2600));
  const skewed = (size: number): number[] =>
    indexSurprisals(Array.from({ length: size }, (_, i) => (i < 2 ? 0 : Math.ceil(1e6 / i)))).map(squared);
  const ends = { min: 90, max: 2690, present: distances.length };
  const { present, missing } = numberSurprisals(countCells(distances, ends));
  const category = { hasMissing: false, categories: airports, typical: airports[0] };
  const dates = { min: Date.UTC(2001, 0, 1), max: Date.UTC(2001, 6, 1) };
  return {
    profile: [
      { name: 'origin', ...category },
      { name: 'destination', ...category },
      { name: 'distance', hasMissing: false, range: ends, typical: 700 },
      { name: 'date', hasMissing: false, range: dates, typical: dates.min },
    ],
    score: {
      indices: [
        { feature: 'origin', input: 'origin', values: skewed(airports.length + 2) },
        { feature: 'destination', input: 'destination', values: skewed(airports.length + 2) },
        { feature: 'hour', input: 'date', values: skewed(25) },
        { feature: 'weekday', input: 'date', values: skewed(8) },
      ],
      numbers: [{ input: 'distance', present: { ...present, values: present.values.map(squared) }, missing: squared(missing) }],
      scale: scoreScale(Float32Array.from(rows, (_, i) => ((i * 31) % 4000) / 50)),
    },
  };
}
