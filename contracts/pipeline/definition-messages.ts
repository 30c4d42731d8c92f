import { z } from 'zod';
import { familiarField } from './familiar-names.js';
import { familyFields } from './model.js';
import { similarName } from './similar-name.js';

type Issue = z.core.$ZodIssue;

const quoted = (values: readonly unknown[]): string => values.map((value) => JSON.stringify(value)).join(', ');

/**
 * What is wrong with a value, in plain words and with what was given; undefined where Zod's own words do. Pure.
 *
 * For the option `error` of a parse.
 */
export function plainMessage(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'unrecognized_keys') return unknownFields(issue.keys, issue.inst);
  if (issue.code === 'invalid_value')
    return `expected ${issue.values.length > 1 ? 'one of ' : ''}${quoted(issue.values)}${given(issue.input)}`;
  if (issue.code === 'invalid_union' && 'discriminator' in issue && typeof issue.discriminator === 'string') {
    const value = (issue.input as Readonly<Record<string, unknown>>)[issue.discriminator];
    return `expected one of ${quoted(kindsOf(issue.inst))}${given(value)}`;
  }
  if (issue.code === 'too_small' && typeof issue.input === 'number')
    return `expected ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${given(issue.input)}`;
  if (issue.code === 'too_big' && typeof issue.input === 'number')
    return `expected ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${given(issue.input)}`;
  if (issue.code !== 'invalid_type') return undefined;
  return `expected ${expectation(issue.expected, issue.inst)}${given(issue.input)}`;
}

const nouns: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  record: 'an object',
};

function expectation(expected: string, schema: unknown): string {
  if (expected !== 'object') return nouns[expected] ?? expected;
  const shape = shapeOf(schema);
  return shape === undefined ? 'an object' : `an object ${shape}`;
}

/** `such as {"kind": "sgd"}`, of alternatives each. */
function shapeOf(schema: unknown): string | undefined {
  if (schema instanceof z.ZodDiscriminatedUnion)
    return `such as ${kindsOf(schema)
      .map((kind) => `{"${schema.def.discriminator}": ${JSON.stringify(kind)}}`)
      .join(', ')}`;
  if (!(schema instanceof z.ZodObject)) return undefined;
  const fields = Object.keys(schema.shape);
  return fields.length === 0 ? undefined : `of the fields ${fields.join(', ')}, such as {"${fields[0]}": …}`;
}

function kindsOf(schema: unknown): unknown[] {
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return [];
  const { discriminator, options } = schema.def;
  return options.flatMap((option) => {
    const kind: unknown = option instanceof z.ZodObject ? option.shape[discriminator] : undefined;
    return kind instanceof z.ZodLiteral ? [...kind.values] : [];
  });
}

const longestGiven = 60;

function given(value: unknown): string {
  if (value === undefined) return ', but it is missing';
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);
  return `, but ${text.length > longestGiven ? `${text.slice(0, longestGiven)}…` : text} was given`;
}

function unknownFields(fields: readonly string[], schema: unknown): string {
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  // A family that is set over another one leaves the fields of that one there.
  const others = known.includes('family') ? fields.filter((field) => familyFields.has(field)) : [];
  if (others.length > 0 && others.length === fields.length)
    return `${others.join(', ')} belong${others.length === 1 ? 's' : ''} to another family of models; leave ${others.length === 1 ? 'it' : 'them'} out`;
  const said = fields.map((field) => {
    const familiar = familiarField(field, known);
    if (familiar !== undefined) return `${JSON.stringify(field)} (here, that is ${familiar})`;
    const meant = similarName(field, known);
    return `${JSON.stringify(field)}${meant === undefined ? '' : ` (did you mean ${JSON.stringify(meant)}?)`}`;
  });
  return `there is no field ${said.join(', ')}`;
}

/**
 * The problem of a value that fits none of several alternatives: of the one that was meant, where that can be told, else of
 * each. Pure.
 */
export function meantAlternative(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const inside = (problems: readonly Issue[]): Issue[] =>
    problems.map((problem) => ({ ...problem, path: [...issue.path, ...problem.path] }));
  const misspelt = issue.errors.find((problems) => problems.length > 0 && problems.every(({ code }) => code === 'unrecognized_keys'));
  if (misspelt) return inside(misspelt);
  // An alternative with words of its own has said what it takes.
  if (issue.message !== 'Invalid input') return [issue];
  const near = issue.errors.filter((problems) => problems.every(({ path }) => path.length > 0));
  if (near.length === 1) return inside(near[0]);
  const messages = issue.errors.flatMap((problems) => problems.map(({ message }) => message.replace(/, but .* was given$/, '')));
  return [{ ...issue, message: messages.map((message, i) => (i > 0 ? message.replace(/^expected /, '') : message)).join(', or ') }];
}
