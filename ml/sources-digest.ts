import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * SHA-256 of the sources in some folders, tests left out: a version number stays the same while its code is worked on.
 *
 * @returns 12 hexadecimal digits
 */
export function sourcesDigest(root: string, folders: readonly string[]): string {
  const hash = createHash('sha256');
  for (const folder of folders) {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
    for (const file of files.sort()) {
      if (!/\.m?ts$/.test(file) || file.endsWith('.test.ts')) continue;
      const source = readFileSync(join(root, folder, file));
      hash.update(`${folder}/${file.replaceAll('\\', '/')}\n${source.length}\n`).update(source);
    }
  }
  return hash.digest('hex').slice(0, 12);
}
