import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { documentLowerings } from '../ml/graph/lowering/document-lowerings.js';

/** Writes `docs/lowerings.md`. */
const path = fileURLToPath(new URL('../docs/lowerings.md', import.meta.url));
await writeFile(path, documentLowerings());
process.stdout.write(`${path}\n`);
