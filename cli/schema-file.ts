import { existsSync, readFileSync } from 'node:fs';
import { frozenSchema, type FrozenSchema } from '../contracts/pipeline.js';
import { CommandError } from './command-error.js';

/** Where the frozen schema of a pipeline lies: `churn.ts` → `churn.schema.json`, in the same folder. */
export function schemaPath(pipelineFile: string): string {
  return pipelineFile.replace(/\.[a-z]+$/, '.schema.json');
}

/**
 * Read a frozen schema.
 *
 * @returns undefined when there is no such file
 * @throws CommandError that names the file and what is wrong with it
 */
export function readSchemaFile(path: string): FrozenSchema | undefined {
  if (!existsSync(path)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw unusable(path, (error as Error).message, error);
  }
  const parsed = frozenSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`);
  throw unusable(path, problems.join('; '), parsed.error);
}

/**
 * A frozen schema as text for people to review: a line a fact, a block a column, in the order of the columns' names.
 *
 * Equal schemas give equal texts.
 */
export function formatSchema({ formatVersion, rows, columns }: FrozenSchema): string {
  const blocks = Object.entries(columns)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, column]) => {
      const facts = Object.entries(column).map(([key, value]) => `      ${JSON.stringify(key)}: ${oneLine(value)}`);
      return `    ${JSON.stringify(name)}: {\n${facts.join(',\n')}\n    }`;
    });
  return `{\n  "formatVersion": ${formatVersion},\n  "rows": ${rows},\n  "columns": {\n${blocks.join(',\n')}\n  }\n}\n`;
}

/** JSON with a space after commas and colons, as the rest of the file has it. */
function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([key, member]) => `${JSON.stringify(key)}: ${oneLine(member)}`)
      .join(', ')} }`;
  return JSON.stringify(value);
}

function unusable(path: string, problem: string, cause: unknown): CommandError {
  return new CommandError(
    `The frozen schema ${path} cannot be used: ${problem}. Correct the file, or write it anew with "anneal schema <pipeline> --write".`,
    undefined,
    { cause },
  );
}
