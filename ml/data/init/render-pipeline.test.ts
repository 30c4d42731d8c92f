import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { renderPipeline } from './render-pipeline.js';

/** The definition that a file holds. */
function evaluate(text: string): unknown {
  const [, ...body] = text.split('\n');
  const made = runInNewContext(
    `definition = ${body.join('\n').replace('export default definePipeline', '')}; JSON.stringify(definition)`,
  ) as string;
  return JSON.parse(made);
}

const name = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
  fc.constantFrom("it's", '"', '\\', '*/', '\n', '__proto__', '${x}', '\u2028'),
);

describe('renderPipeline', () => {
  it('writes a text that means the definition, whatever the columns are called', () => {
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 6 }), name, (columns, remark) => {
        const definition = {
          name: 'made',
          source: { format: 'csv', uri: columns[0] },
          columns: Object.fromEntries(columns.map((column) => [column, { type: 'float', nullable: true }])),
          features: Object.fromEntries(columns.map((column) => [column, { kind: 'numeric', column }])),
          gates: [{ metric: 'auc', min: 0.5 }],
        };
        const remarks = new Map([
          [`features.${columns[0]}`, remark],
          ['source', `a\n${remark}`],
        ]);
        const leftOut = [{ column: columns[0], reason: remark }];
        const text = renderPipeline({ definition, remarks, leftOut } as never, './pipeline.js', 'Made.');
        expect(evaluate(text)).toEqual(definition);
      }),
    );
  });

  it('puts each remark before what it is about', () => {
    const text = renderPipeline(
      {
        definition: { name: 'made', target: { task: 'binary', expression: 'y' } },
        remarks: new Map([['target', 'Why so.']]),
        leftOut: [],
      } as never,
      '../contracts/pipeline.js',
      'Made from a file.',
    );
    expect(text).toBe(`import { definePipeline } from '../contracts/pipeline.js';

// Made from a file.
export default definePipeline({
  name: 'made',
  // Why so.
  target: { task: 'binary', expression: 'y' },
});
`);
  });
});
