import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where Anneal's own files are: workers, pipelines, the virtual environment. Absolute. */
export const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
