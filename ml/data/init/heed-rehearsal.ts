import type { Anomaly } from '../../../contracts/dataset.js';
import type { PipelineInput } from '../../../contracts/pipeline.js';
import type { Findings } from './findings.js';
import type { Rehearsal } from './rehearse.js';

/** Limits are set that much above what there is, so that only what comes in addition is reported. */
const room = 1.25;

/**
 * What the next draft is to do about a rehearsal's complaints.
 *
 * Pure. What is wrong with the draft is changed; what the data are like at present becomes the limit that later data are
 * held to.
 *
 * @returns undefined when there is nothing that another draft could do better
 */
export function heedRehearsal({ report, unfit }: Rehearsal, definition: PipelineInput, findings: Findings): Findings | undefined {
  const start: Findings = { ...findings };
  const next = report.anomalies.reduce((so, anomaly) => heedAnomaly(so, anomaly, definition, report.rows), start);
  // A split that is about to change is not blamed as well.
  const isSettled = unfit === undefined || next.isNumbered !== start.isNumbered;
  const told = isSettled ? next : withoutSplit(next, definition, unfit.replace(/\. Change the split.*$/s, ''));
  const settled = withSomeFeature(told, definition);
  return settled === start ? undefined : settled;
}

function heedAnomaly(findings: Findings, anomaly: Anomaly, definition: PipelineInput, rows: number): Findings {
  const { rule, column, found } = anomaly;
  switch (rule) {
    case 'leakage':
      return { ...findings, leaks: new Map([...findings.leaks, [column!, found]]) };
    case 'few-rows-of-class':
      return withoutSplit(findings, definition, found);
    case 'split-overlap':
      if (definition.split.kind === 'random' && !findings.hasCopies && !findings.isNumbered) return { ...findings, hasCopies: true };
      // Rows of different groups or times that are alike are so by chance.
      return withLimit(findings, 'splitOverlap', { max: limit(parseFloat(found) / 100) }, `At present ${found.split(';')[0]}.`);
    case 'few-distinct-rows':
      return definition.split.kind === 'random' && !findings.isNumbered ? { ...findings, isNumbered: true } : findings;
    case 'target-drift':
      return withLimit(findings, 'targetDrift', { max: limit(Number(found)) }, `At present it is ${found} from training to a later part.`);
    case 'duplicate-rows':
      return withLimit(findings, 'duplicates', { max: limit((anomaly.rows ?? 0) / rows) }, `At present ${found}.`);
    case 'time-gap': {
      const factor = gapFactor(anomaly);
      return factor === undefined ? findings : withLimit(findings, 'timeGaps', { factor }, `At present ${found}.`);
    }
    default:
      return findings;
  }
}

function withoutSplit(findings: Findings, { split, expectations }: PipelineInput, reason: string): Findings {
  const { kind } = split;
  if (kind === 'time' || kind === 'group') {
    return findings.unfit.has(kind) ? findings : { ...findings, unfit: new Map([...findings.unfit, [kind, reason]]) };
  }
  if (kind === 'random' && split.stratify && split.key && !findings.hasMixedCopies && /rows of several classes/.test(reason))
    return { ...findings, hasMixedCopies: true };
  if (expectations?.minRowsPerClass === 1) return findings;
  return {
    ...findings,
    expectations: { ...findings.expectations, minRowsPerClass: 1 },
    reasons: withReason(findings, 'minRowsPerClass', reason),
  };
}

/** A limit is set once: a second complaint is about something else. */
function withLimit(
  findings: Findings,
  name: 'targetDrift' | 'duplicates' | 'timeGaps' | 'splitOverlap',
  value: Readonly<Record<string, number>>,
  reason: string,
): Findings {
  const [[option, given]] = Object.entries(value);
  const known = (findings.expectations[name] as Readonly<Record<string, number>> | undefined)?.[option];
  if (!Number.isFinite(given) || (known !== undefined && known >= given)) return findings;
  return { ...findings, expectations: { ...findings.expectations, [name]: value }, reasons: withReason(findings, name, reason) };
}

function withReason({ reasons }: Findings, name: string, reason: string): Findings['reasons'] {
  return new Map([...reasons, [name, reason]]);
}

function limit(share: number): number {
  return Number(Math.min(1, share * room).toPrecision(2));
}

function gapFactor({ expected, found }: Anomaly): number | undefined {
  const [, gap] = /\((\d+) (?:day|hour)s\)/.exec(found) ?? [];
  const [, usual, factor] = /more than ([\d.]+) (?:day|hour)s, ([\d.]+) times/.exec(expected) ?? [];
  const needed = Math.ceil((Number(gap) / (Number(usual) / Number(factor))) * room);
  return Number.isFinite(needed) ? needed : undefined;
}

/** When every feature gives the label away, that is how the data are. */
function withSomeFeature(findings: Findings, { features }: PipelineInput): Findings {
  const names = Object.entries(features);
  if (findings.leaks.size === 0 || names.some(([, { column }]) => !findings.leaks.has(column))) return findings;
  const leaks = new Map([...findings.leaks].filter(([column]) => names.every(([, feature]) => feature.column !== column)));
  return { ...findings, leaks, allowed: names.map(([name]) => name) };
}
