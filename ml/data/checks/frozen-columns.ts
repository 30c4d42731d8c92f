import type { Anomaly, SnapshotManifest } from '../../../contracts/dataset.js';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import { found } from './check-context.js';

const integers = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT'];
const unsigned = ['UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT', 'UHUGEINT'];

/**
 * The columns of a source against those of the frozen schema: none is missing, none has changed its type.
 *
 * Pure. A number in a wider or narrower type of its kind holds the same values, so that is a warning at most. Declared
 * columns that are missing are reported elsewhere, with or without a schema.
 */
export function frozenColumnAnomalies(source: SnapshotManifest['columns'], spec: PipelineSpec): Anomaly[] {
  const { schema, columns, expectations } = spec;
  if (!schema) return [];
  const { severity } = expectations.schema;
  const types = new Map(source.map(({ name, type }) => [name, type]));
  return Object.entries(schema.columns).flatMap(([name, frozen]) => {
    const type = types.get(name);
    if (type === undefined) {
      if (frozen.presence === 'optional' || Object.hasOwn(columns, name)) return [];
      return found(severity === 'off' ? 'off' : 'warn', {
        rule: 'schema-column',
        column: name,
        expected: `a column of type ${frozen.type}, which the frozen schema has`,
        found: 'no such column (the pipeline does not use it)',
      });
    }
    if (type === frozen.type) return [];
    return found(severity === 'off' || isSameKind(type, frozen.type) ? (severity === 'off' ? 'off' : 'warn') : severity, {
      rule: 'type-change',
      column: name,
      expected: `type ${frozen.type} (the frozen schema)`,
      found: `type ${type}`,
    });
  });
}

function isSameKind(a: string, b: string): boolean {
  return [integers, unsigned, ['FLOAT', 'DOUBLE']].some((kind) => kind.includes(a) && kind.includes(b));
}
