import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type BadCase, fails, type Outcome, reads } from './bad-case.js';

/** What may not be read, unless by the superuser. */
const forbidden = (says: RegExp): Outcome => (process.getuid?.() === 0 ? reads(1) : fails('SourceUnavailable', says));

const at = (name: string, uri: string, says: RegExp): BadCase => ({
  name,
  given: () => ({ source: { format: 'csv', uri } }),
  comes: fails('SourceUnavailable', says),
});

/** Places without a table: nothing there, a loop, a device, a way out of where the data lie. */
export const brokenPlaces: readonly BadCase[] = [
  at('a file that is not there', 'nowhere.csv', /"nowhere\.csv".*no such file.*correct source\.uri/),
  at('a path with a NUL', 'a\0.csv', /NUL/),
  at('a pattern that nothing matches', 'data/*.csv', /"data\/\*\.csv".*no file matches/),
  at('a package path that climbs out', 'npm:some-data/../../../etc/passwd', /no installed package/),
  at('a package name that climbs out', 'npm:../../etc/passwd', /no installed package/),
  at('a file URL with a host', 'file://example.com/etc/passwd', /not a valid file URL.*file:\/\/\//),
  at('a file URL with an escaped slash', 'file:///tmp%2Fa.csv', /not a valid file URL/),
  at('another scheme', 'http://169.254.169.254/latest/meta-data', /scheme "http"/),
  at('a scheme of DuckDB', 'sqlite:passwords.db', /"sqlite:passwords\.db".*no such file/),
  at('/dev/zero', '/dev/zero', /"\/dev\/zero".*no regular file/),
  at('/dev/random', '/dev/random', /"\/dev\/random".*no regular file/),
  at('a file of /proc', '/proc/self/environ', /"\/proc\/self\/environ".*empty/),
  {
    name: 'a named pipe',
    given: (fixture) => {
      execFileSync('mkfifo', [join(fixture.root, 'pipe.csv')]);
      return { source: { format: 'csv', uri: 'pipe.csv' } };
    },
    comes: fails('SourceUnavailable', /"pipe\.csv".*no regular file/),
  },
  {
    name: 'a link to /dev/zero in a folder',
    given: (fixture) => {
      fixture.write('data/a.csv', 'a\n1\n');
      symlinkSync('/dev/zero', join(fixture.root, 'data/b.csv'));
      return { source: { format: 'csv', uri: 'data' } };
    },
    comes: fails('SourceUnavailable', /"data".*link "b\.csv".*leads out of the folder/),
  },
  {
    name: 'a folder with no file of the format',
    given: (fixture) => {
      fixture.write('data/a.txt', 'a\n1\n');
      return { source: { format: 'csv', uri: 'data' } };
    },
    comes: fails('SourceUnavailable', /"data".*no file of the format csv/),
  },
  {
    name: 'a pattern that matches a folder alone',
    given: (fixture) => {
      mkdirSync(join(fixture.root, 'data/a.csv'), { recursive: true });
      return { source: { format: 'csv', uri: 'data/*.csv' } };
    },
    comes: fails('SourceUnavailable', /"data\/\*\.csv".*no file matches/),
  },
  {
    name: 'links in a circle',
    given: (fixture) => {
      symlinkSync('b.csv', join(fixture.root, 'a.csv'));
      symlinkSync('a.csv', join(fixture.root, 'b.csv'));
      return { source: { format: 'csv', uri: 'a.csv' } };
    },
    comes: fails('SourceUnavailable', /"a\.csv".*no such file/),
  },
  {
    name: 'a link that leads out of the folder',
    given: (fixture) => {
      fixture.write('data/a.csv', 'a\n1\n');
      symlinkSync('/etc/passwd', join(fixture.root, 'data/b.csv'));
      return { source: { format: 'csv', uri: 'data' } };
    },
    comes: fails('SourceUnavailable', /link "b\.csv".*leads out of the folder/),
  },
  {
    name: 'a file that nobody may read',
    given: (fixture) => {
      chmodSync(join(fixture.root, fixture.write('a.csv', 'a\n1\n')), 0);
      return { source: { format: 'csv', uri: 'a.csv' } };
    },
    comes: forbidden(/"a\.csv".*cannot be read \(EACCES\).*permissions/),
  },
  {
    name: 'a folder that nobody may read',
    given: (fixture) => {
      fixture.write('data/a.csv', 'a\n1\n');
      chmodSync(join(fixture.root, 'data'), 0);
      return { source: { format: 'csv', uri: 'data' } };
    },
    comes: forbidden(/"data".*cannot be read \(EACCES\).*permissions/),
  },
  {
    name: 'a name with an asterisk beside what it would match',
    given: (fixture) => {
      fixture.write('a1.csv', 'a\n1\n');
      return { source: { format: 'csv', uri: 'a[*].csv' } };
    },
    comes: fails('SourceUnavailable', /"a\[\*\]\.csv".*no file matches/),
  },
];
