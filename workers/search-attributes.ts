import type { Logger } from 'pino';
import { searchAttributeTypes } from '../contracts/search-attributes.js';
import type { TemporalHandle } from './runtime.js';

/** Numbers of `IndexedValueType` in Temporal's API. */
const indexedValueTypes = { Keyword: 2, Double: 4 } as const;

/**
 * Register Anneal's search attributes where they are missing, so that a Temporal server that others set up works too.
 * Without the right to do so a warning says what an administrator has to run. Safe to repeat.
 */
export async function ensureSearchAttributes({ connection, namespace }: TemporalHandle, logger: Logger): Promise<void> {
  const wanted = Object.entries(searchAttributeTypes);
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = wanted.filter(([name]) => !(name in (customAttributes ?? {})));
    if (missing.length === 0) return;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, indexedValueTypes[type]])),
    });
  } catch (error) {
    const commands = wanted.map(
      ([name, type]) => `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${type}`,
    );
    logger.warn({ error: String(error) }, `Search attributes could not be registered; have an administrator run: ${commands.join(' && ')}`);
  }
}
