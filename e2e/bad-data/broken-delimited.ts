import type { DelimitedSource } from '../../contracts/pipeline/source.js';
import { type BadCase, fails, type Outcome, reads } from './bad-case.js';
import { input } from './inputs.js';

type Dialect = Omit<DelimitedSource, 'format' | 'uri'>;

function csv(name: string, content: string | Uint8Array, comes: Outcome, dialect: Dialect = {}): BadCase {
  return { name, given: (fixture) => ({ source: { format: 'csv', uri: fixture.write('a.csv', content), ...dialect } }), comes };
}
const refused = (says: RegExp): Outcome => fails('SourceUnavailable', new RegExp(`"a\\.csv".*${says.source}`));

/** CSV that is not what it says, and headers that nobody should write. */
export const brokenDelimited: readonly BadCase[] = [
  csv('CSV with a header alone', 'a,b\n', refused(/no rows/)),
  csv('CSV with too few values', 'a,b\n1,x\n2\n', refused(/line 3 has 1 value where the first row has 2.*ragged/)),
  csv('CSV with too many values', 'a,b\n1,x\n2,y,z\n', refused(/line 3 has 3 values where the first row has 2/)),
  csv('CSV with a quote that does not end', 'a,b\n1,"x\n2,y\n', refused(/line 2 has a quote that does not end/)),
  csv('CSV with a NUL in a value', 'a,b\n1,x\0y\n2,z\n', reads(2, { a: '1', b: 'x\0y' })),
  csv('CSV with a NUL in a name', 'a\0,b\n1,x\n', refused(/NUL/)),
  csv('latin-1 as UTF-8', input('latin-1.csv'), refused(/line 2 is not utf-8.*source\.encoding/)),
  csv('UTF-16 without saying so', input('utf-16.csv'), refused(/utf-16.*source\.encoding/i)),
  csv('UTF-16 without a mark', input('utf-16.csv').subarray(2), refused(/utf-16.*source\.encoding to "utf-16le"/)),
  csv('UTF-8 with a mark', '\uFEFFa,b\n1,x\n', reads(1, { a: '1', b: 'x' })),
  csv('UTF-8 with a mark, said to be latin-1', Buffer.from('\uFEFFa,b\n1,x\n'), refused(/mark of utf-8.*Leave source\.encoding out/), {
    encoding: 'latin-1',
  }),
  csv('another delimiter', 'a;b\n1;2\n', refused(/delimiter, probably to ";"/)),
  csv('a delimiter that is a decimal comma too', 'a;b\n1,5;2,5\n', refused(/delimiter, probably to ";"/)),
  csv('names that are there twice', 'a,b,a\n1,2,3\n', refused(/columns 1 and 3 both "a"/)),
  csv('names that differ in case alone', 'plan,Plan\n1,2\n', refused(/columns 1 and 2 both "Plan"/)),
  csv('a name without text', 'a,,c\n1,2,3\n', reads(1, { a: '1', column1: '2', c: '3' })),
  csv('a name that is taken by one without text', 'column1,\n1,2\n', refused(/column1/)),
  csv('a name that is SQL', '"""; DROP TABLE x; --",b\n1,2\n', reads(1, { '"; DROP TABLE x; --': '1', b: '2' })),
  csv(`a name with single quotes`, `a'}) TO 'executed',b\n1,2\n`, reads(1, { [`a'}) TO 'executed'`]: '1', b: '2' })),
  csv('a name with a line end', '"a\nb",c\n1,2\n', reads(1, { 'a\nb': '1', c: '2' })),
  csv('a name that is an emoji', '🦆,b\n1,2\n', reads(1, { '🦆': '1', b: '2' })),
  csv('a name of 10,000 characters', `${'n'.repeat(10_000)},b\n1,2\n`, reads(1, { ['n'.repeat(10_000)]: '1', b: '2' })),
  csv(
    'names of JavaScript',
    'constructor,toString,hasOwnProperty\n1,2,3\n',
    reads(1, { constructor: '1', toString: '2', hasOwnProperty: '3' }),
  ),
  csv('5,000 columns', `${Array.from({ length: 5000 }, (_, i) => `c${i}`).join(',')}\n${'1,'.repeat(4999)}1\n`, reads(1)),
  csv('one value of 1 MB', `a,b\n1,${'x'.repeat(1 << 20)}\n`, reads(1)),
  csv('one value of 3 MB', `a,b\n1,${'x'.repeat(3 << 20)}\n`, refused(/longer than 2,000,000 bytes/)),
  csv('a last line of 40 MB', `a,b\n1,2\n${'x'.repeat(40_000_000)}`, refused(/last line is longer than 2,000,000 bytes/)),
  csv('a line of 40 MB before others', `a,b\n1,2\n${'x'.repeat(40_000_000)}\n3,4\n`, refused(/longer than 2,000,000 bytes/)),
  csv('Parquet called .csv', input('table.parquet'), refused(/Parquet.*source\.format to "parquet"/)),
  csv('a spreadsheet called .csv', Buffer.from('PK\x03\x04 and so on'), refused(/zip archive.*Export the sheet/)),
];
