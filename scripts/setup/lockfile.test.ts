import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';

interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const packages = (
  JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as { packages: Record<string, LockEntry> }
).packages;

function isLocked(dependency: string, dependent: string): boolean {
  for (let folder = dependent; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (packages[`${folder === '' ? '' : `${folder}/`}node_modules/${dependency}`]) return true;
    if (folder === '') return false;
  }
}

describe('package-lock.json', () => {
  // npm leaves out what the registry at hand could not deliver for another platform, and `npm ci` then refuses the file everywhere.
  test('locks every platform-specific optional dependency, so that npm ci accepts it', () => {
    const missing = Object.entries(packages).flatMap(([dependent, entry]) =>
      Object.keys(entry.optionalDependencies ?? {})
        .filter((dependency) => !isLocked(dependency, dependent))
        .map((dependency) => `${dependent} needs ${dependency}`),
    );
    expect(missing).toEqual([]);
  });

  test('carries no address of a registry', () => {
    const addresses = Object.values(packages).flatMap((entry) => (entry.resolved && !entry.link ? [entry.resolved] : []));
    expect(addresses).toEqual([]);
  });
});
