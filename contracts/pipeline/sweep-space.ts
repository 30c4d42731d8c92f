import { z } from 'zod';
import { crossReferenceProblems } from './cross-references.js';
import { meantAlternative, plainMessage } from './definition-messages.js';
import { modelSpec } from './model.js';
import type { PipelineSpec } from './schema.js';
import { similarName } from './similar-name.js';
import type { ParameterRange, SweepSpec } from './sweep.js';
import { trainingSpec } from './training.js';

/** The parts of a definition that a search may change. */
const searched = z.object({ model: modelSpec, training: trainingSpec });
type Searched = z.output<typeof searched>;
type Issue = z.core.$ZodIssue;

interface CheckedSpace {
  /** With whole numbers drawn where a field takes no others, and with the defaults of what a choice gives in part. */
  readonly space: SweepSpec['space'];
  readonly problems: readonly string[];
}

/**
 * Put what a sweep can draw into the definition, and look whether it still is one. Pure.
 *
 * Tried are every value of a choice, the least and the most of a range and a value in between; each with the definition as it is, and
 * with each value of the other paths: one of these must be possible.
 */
export function checkSpace(spec: PipelineSpec): CheckedSpace {
  if (!spec.sweep) return { space: {}, problems: [] };
  const { space, trials } = spec.sweep;
  const paths = Object.keys(space);
  if (paths.length === 0 && trials > 1)
    return {
      space,
      problems: [
        `sweep.space: names nothing to draw, so all ${trials} trials would be the same; name what to search, or leave the sweep out`,
      ],
    };
  const corners = paths.flatMap((path) => cornersOf(space[path]).map(({ value }) => [path, value] as const));
  // What is wrong without the search is told elsewhere.
  const before = new Set(crossReferenceProblems({ ...spec, sweep: undefined }));
  const problems: string[] = [];
  const checked = paths.map((path): [string, ParameterRange] => {
    const attempt = attemptWith(spec, before, corners, path);
    // What is wrong with a path is wrong with each of its values.
    for (const { name, value } of cornersOf(space[path])) {
      const { problem } = attempt(value);
      if (problem === undefined) continue;
      problems.push(`sweep.space.${path}: ${problem.isOfValue ? `${name}${shown(value)} ${problem.text}` : problem.text}`);
      return [path, space[path]];
    }
    const within = betweenProblem(space[path], attempt);
    if (within === 'whole') return [path, inWholeNumbers(space[path])];
    if (within !== undefined) problems.push(`sweep.space.${path}: ${within}; list the values that are meant as a choice`);
    return [path, withDefaults(space[path], (value) => attempt(value).taken)];
  });
  return { space: Object.fromEntries(checked), problems };
}

interface Problem {
  readonly isOfValue: boolean;
  readonly text: string;
  readonly isWhole?: boolean;
}

interface Attempt {
  readonly problem?: Problem;
  /** The value as the schema took it. */
  readonly taken?: unknown;
}

function attemptWith(
  spec: PipelineSpec,
  before: ReadonlySet<string>,
  corners: readonly (readonly [string, unknown])[],
  path: string,
): (value: unknown) => Attempt {
  const keys = path.split('.');
  return (value) => {
    const alone = attemptIn(spec, spec, before, keys, value);
    if (!alone.problem) return alone;
    for (const [other, given] of corners) {
      if (other === path) continue;
      const changed = put(spec, other.split('.'), given);
      const together = typeof changed === 'string' ? alone : attemptIn(changed, spec, before, keys, value);
      if (!together.problem) return together;
    }
    return alone;
  };
}

function attemptIn(base: PipelineSpec, spec: PipelineSpec, before: ReadonlySet<string>, keys: readonly string[], value: unknown): Attempt {
  const changed = put(base, keys, value);
  if (typeof changed === 'string') return { problem: { isOfValue: false, text: changed } };
  const known: string[] = [];
  const parsed = searched.safeParse(changed, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys' && issue.inst instanceof z.ZodObject) known.push(...Object.keys(issue.inst.shape));
      return plainMessage(issue);
    },
  });
  if (!parsed.success) {
    const issue = parsed.error.issues.find((each) => isOf(each, keys));
    return issue ? { problem: problemOf(issue, keys, known, spec) } : {};
  }
  const after = crossReferenceProblems({ ...spec, ...parsed.data, sweep: undefined });
  const added = after.find((problem) => !before.has(problem));
  if (added !== undefined) return { problem: { isOfValue: true, text: `is not possible: ${added.replaceAll('; ', ', ')}` } };
  return { taken: valueAt(parsed.data, keys) };
}

/** Fields that another kind of the same thing has left behind are passed over by what reads it. */
function isOf(issue: Issue, keys: readonly string[]): boolean {
  if (issue.code !== 'unrecognized_keys') return true;
  return issue.keys.some((key) => {
    const full = [...issue.path.map(String), key];
    return full.slice(0, keys.length).every((part, i) => part === keys[i]);
  });
}

function problemOf(issue: Issue, keys: readonly string[], known: readonly string[], { model }: PipelineSpec): Problem {
  const at = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys;
    const isOfPath = at.length < keys.length;
    const meant = similarName(key, known);
    const inFile = isOfPath && model.family === 'module' && at.join() === 'model';
    const hint = inFile
      ? `; what the model file is given is searched as "model.options.${key}"`
      : meant !== undefined
        ? ` (did you mean "${[...at, meant].join('.')}"?)`
        : known.length > 0
          ? `; there are ${known.join(', ')}`
          : '';
    return { isOfValue: !isOfPath, text: `${isOfPath ? '' : 'is not possible: '}there is no field "${[...at, key].join('.')}"${hint}` };
  }
  const isInside = keys.every((key, i) => at[i] === key);
  const isWhole = issue.code === 'invalid_type' && issue.expected === 'int' && at.length === keys.length;
  return {
    isOfValue: true,
    isWhole,
    text: isInside ? `is not possible, expected ${expectedBy(issue)}` : `does not go with ${at.join('.')}, expected ${expectedBy(issue)}`,
  };
}

/** What the field takes, of a message that says what was expected and what was given. */
function expectedBy(issue: Issue): string {
  const [meant] = meantAlternative(issue);
  const expected = /^expected (.*?)(?:, but .*)?$/s.exec(meant.message)?.[1];
  if (expected === undefined) return `another: ${meant.message}`;
  return meant.path.length > 2 && typeof meant.path.at(-1) === 'number' ? `${expected} for each` : expected;
}

interface Corner {
  /** What it is of a range, with a space after it; nothing for a value of a choice. */
  readonly name: string;
  readonly value: unknown;
}

function cornersOf(range: ParameterRange): Corner[] {
  if (range.kind === 'choice') return range.values.map((value) => ({ name: '', value }));
  return [
    { name: 'low ', value: range.low },
    { name: 'high ', value: range.high },
  ];
}

/** @returns `whole` when the field takes whole numbers alone, which the range's ends are */
function betweenProblem(range: ParameterRange, attempt: (value: unknown) => Attempt): string | undefined {
  if (range.kind === 'choice' || !(range.low < range.high)) return undefined;
  const isStepped = range.kind === 'integer' || range.kind === 'log-integer';
  const between = isStepped ? Math.floor((range.low + range.high) / 2) : (range.low + range.high) / 2;
  const value = !isStepped && Number.isInteger(between) ? range.low + (between - range.low) * 0.999 : between;
  const { problem } = attempt(value);
  if (problem === undefined) return undefined;
  if (problem.isWhole && !isStepped) return 'whole';
  return `${shown(value)}, which lies in the range, ${problem.text}`;
}

function inWholeNumbers(range: ParameterRange): ParameterRange {
  if (range.kind === 'uniform') return { ...range, kind: 'integer' };
  return range.kind === 'log-uniform' ? { ...range, kind: 'log-integer' } : range;
}

function withDefaults(range: ParameterRange, take: (value: unknown) => unknown): ParameterRange {
  if (range.kind !== 'choice') return range;
  return { ...range, values: range.values.map((value) => (take(value) as typeof value | undefined) ?? value) };
}

/** @returns a copy, or why the path leads nowhere */
function put(spec: Pick<PipelineSpec, 'model' | 'training'>, keys: readonly string[], value: unknown): PipelineSpec | string {
  const change = (node: unknown, depth: number): unknown => {
    if (depth === keys.length) return value;
    if (node !== undefined && (typeof node !== 'object' || node === null || Array.isArray(node)))
      throw new NoParts(`"${keys.slice(0, depth).join('.')}" is ${JSON.stringify(node)} in the definition, which has no parts`);
    const parts = (node ?? {}) as Readonly<Record<string, unknown>>;
    const key = keys[depth];
    return { ...parts, [key]: change(Object.hasOwn(parts, key) ? parts[key] : undefined, depth + 1) };
  };
  try {
    return change(spec, 0) as PipelineSpec;
  } catch (error) {
    if (error instanceof NoParts) return error.message;
    throw error;
  }
}

class NoParts extends Error {}

function valueAt(parts: Searched, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((node, key) => (node as Readonly<Record<string, unknown>> | undefined)?.[key], parts);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
