import type { PipelineSpec } from './schema.js';

/** What a schema of one section cannot say of `expectations`: names that must refer to something. */
export function expectationProblems({ expectations, columns, features }: PipelineSpec): string[] {
  const { timeGaps, leakage, splitOverlap, suspicious } = expectations;
  const problems: string[] = [];
  if (timeGaps.column !== undefined && columns[timeGaps.column]?.type !== 'timestamp')
    problems.push(`expectations.timeGaps.column: "${timeGaps.column}" is not a timestamp column in columns`);
  for (const name of leakage.allow) if (!features[name]) problems.push(`expectations.leakage.allow: there is no feature "${name}"`);
  for (const name of splitOverlap.key ?? [])
    if (!columns[name]) problems.push(`expectations.splitOverlap.key: there is no column "${name}" in columns`);
  for (const name of suspicious.allow)
    if (!columns[name]) problems.push(`expectations.suspicious.allow: there is no column "${name}" in columns`);
  return problems;
}
