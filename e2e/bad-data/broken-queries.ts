import { type BadCase, fails, type Outcome, reads, stops } from './bad-case.js';
import { tableCsv, tablePipeline } from './tables.js';

const refusedQuery = fails('InvalidPipeline', /The query of the source cannot be used.*Correct source\.query/);

function query(name: string, text: string, comes: Outcome = refusedQuery): BadCase {
  return {
    name,
    given: (fixture) => {
      fixture.write('a.csv', 'a,b\n1,x\n');
      return { source: { query: text, sources: { a: { format: 'csv', uri: 'a.csv' } } } };
    },
    comes,
  };
}

function target(name: string, expression: string, says: RegExp, task: 'binary' | 'regression' | 'multiclass' = 'binary'): BadCase {
  return {
    name,
    given: (fixture) => ({
      spec: tablePipeline({ format: 'csv', uri: fixture.write('a.csv', tableCsv()) }, { target: { task, name: 'answer', expression } }),
    }),
    comes: fails('InvalidPipeline', new RegExp(`The target expression.*${says.source}`)),
  };
}

const oneExpression = /more than one scalar expression/;

/** SQL of a pipeline that wants more than it may. */
export const brokenQueries: readonly BadCase[] = [
  query('a query that reads another file', `FROM read_csv('/etc/passwd')`),
  query('a query that reads its own file', `FROM read_csv('a.csv')`),
  query('a query that reads a file by its name', `FROM '/etc/passwd'`),
  query('a query that lists files', `FROM glob('/etc/*')`),
  query('a query of two statements', `SELECT 1; COPY (SELECT 1) TO 'executed'`),
  query('a query that closes its bracket', `SELECT 1) TO 'executed'; SELECT (1`),
  query('a query that writes', `COPY (SELECT 1) TO 'executed'`),
  query('a query that attaches', `ATTACH 'executed' AS other`),
  query('a query that installs', 'INSTALL httpfs'),
  query('a query that loads', `LOAD '/tmp/evil.duckdb_extension'`),
  query('a query that sets', "SET memory_limit = '1TB'"),
  query('a query that asks a PRAGMA', 'PRAGMA database_list'),
  query('a query of settings', `FROM duckdb_settings()`),
  query('a query of one setting', `SELECT current_setting('temp_directory') AS path`),
  query('a query of the catalogue', `SELECT * FROM a, information_schema.tables`),
  query('a query of the catalogue in a subquery', `SELECT (SELECT max(sql) FROM sqlite_master) AS text`),
  query('a query with a name of its own', `WITH pages AS (FROM a) SELECT p.a FROM pages AS p`, reads(1, { a: '1' })),
  query('a query of a query in text', `FROM query('COPY (SELECT 1) TO ''executed''')`),
  query('a query that exports', `EXPORT DATABASE 'executed'`),
  query('a query that divides text', `SELECT a / b AS c FROM a`),
  query('a query with a deep nest', `SELECT ${'('.repeat(5000)}1${')'.repeat(5000)} AS a`, reads(1)),
  query('a query nested without end', `SELECT ${'['.repeat(40_000)}1${']'.repeat(40_000)} AS a`),
  query('a query without rows', 'FROM a WHERE false', fails('SourceUnavailable', /query over a.*no rows/)),

  target('a target that closes its bracket', `1); COPY (SELECT 1) TO 'executed'; --`, /syntax error/),
  target('a target of two columns', `label = 'yes') AS x, (true`, oneExpression),
  target('a target that reads a file', `label = (SELECT content FROM read_text('/etc/passwd'))`, oneExpression),
  target('a target that reads a CSV file', `EXISTS (FROM read_csv('/etc/passwd'))`, oneExpression),
  target('a target that reads what Anneal calls its own', `amount > (SELECT avg(amount) FROM __anneal_source)`, oneExpression),
  target('a target that takes another table', `true) FROM range(10) --`, /syntax error/),
  target('a target that aggregates', `sum(amount) > 1`, /each row/),
  target('a target of a column that is not there', `lable = 'yes'`, /"lable".*target\.expression/),
  target('a target of the wrong type', 'amount + 1', /binary target needs BOOLEAN/),
  target('a target that is no number', 'label', /label/, 'regression'),
  target('a target that is half an expression', `label =`, /syntax/),
  target('a target that always fails', `error('boom')::BOOLEAN`, /boom/),
  target('a target that is not the same twice', 'random() > 0.5', /random/),
  {
    name: 'a target that divides by zero',
    given: (fixture) => ({
      spec: tablePipeline(
        { format: 'csv', uri: fixture.write('a.csv', tableCsv()) },
        { target: { task: 'regression', name: 'answer', expression: '1 / (amount - amount)' } },
      ),
    }),
    comes: stops('target', /column "answer": expected a target in every row, found none in any row/),
  },
];
