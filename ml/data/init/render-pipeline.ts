import type { InferredPipeline } from './infer-pipeline.js';
import { inline, propertyName, quoted } from './literal-text.js';

const width = 120;

/**
 * A pipeline's file: TypeScript that says why each choice was made.
 *
 * Pure.
 *
 * @param importPath of `contracts/pipeline.js` as seen from the file
 * @param origin how the file came about, a sentence
 */
export function renderPipeline({ definition, remarks, leftOut }: InferredPipeline, importPath: string, origin: string): string {
  const body = Object.entries(definition)
    .filter(([, value]) => value !== undefined)
    .flatMap(([key, value]) => [
      ...(key === 'features'
        ? leftOut.map(({ column, reason }) => comment(`Not used: ${quoted(column)}, since ${reason}.`, 1)).flat()
        : []),
      ...property(key, value, key, remarks, 1),
    ]);
  return [
    `import { definePipeline } from ${quoted(importPath)};`,
    '',
    ...comment(origin, 0),
    'export default definePipeline({',
    ...body,
    '});',
    '',
  ].join('\n');
}

function property(key: string, value: unknown, path: string, remarks: ReadonlyMap<string, string>, depth: number): string[] {
  const remark = remarks.get(path);
  const before = remark === undefined ? [] : comment(remark, depth);
  return [...before, ...literal(`${indent(depth)}${propertyName(key)}: `, value, path, remarks, depth)];
}

/** @returns lines that begin with `head` and end with a comma */
function literal(head: string, value: unknown, path: string, remarks: ReadonlyMap<string, string>, depth: number): string[] {
  const short = `${head}${inline(value)},`;
  const hasRemarks = [...remarks.keys()].some((at) => at.startsWith(`${path}.`));
  if (typeof value !== 'object' || value === null || (short.length <= width && !hasRemarks && depth > 1)) return [short];
  if (Array.isArray(value))
    return [
      `${head}[`,
      ...value.flatMap((item, i) => literal(indent(depth + 1), item, `${path}.${i}`, remarks, depth + 1)),
      `${indent(depth)}],`,
    ];
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  if (entries.every(([, item]) => typeof item !== 'object') && short.length <= width && !hasRemarks) return [short];
  return [`${head}{`, ...entries.flatMap(([key, item]) => property(key, item, `${path}.${key}`, remarks, depth + 1)), `${indent(depth)}},`];
}

function comment(text: string, depth: number): string[] {
  const lines: string[] = [];
  const start = `${indent(depth)}// `;
  let line = '';
  // A line end in a column's name must not end the comment.
  for (const word of text.replaceAll(/[\s\u2028\u2029]+/g, ' ').split(' ')) {
    if (line !== '' && start.length + line.length + word.length + 1 > width) {
      lines.push(start + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, start + line];
}

function indent(depth: number): string {
  return '  '.repeat(depth);
}
