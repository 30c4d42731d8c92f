import { join } from 'node:path';
import type { Anomaly, ValidationReport } from '../../../contracts/dataset.js';
import type { PipelineSpec, TargetSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { parquetOptions } from '../parquet-options.js';
import { type RowRule, shortList } from './row-rules.js';
import { internalPrefix, type Schema } from './schema-check.js';
import { identifier, pathLiteral, textLiteral } from '../sql-quoting.js';
import { targetColumn, targetSql } from '../target-column.js';
import { columnsAtOnce } from '../read/typed-rows.js';

export interface RowCheck {
  readonly anomalies: readonly Anomaly[];
  /** Largest first. */
  readonly quarantined: ValidationReport['quarantined'];
  /** View of the rows that passed: the typed columns and the target. */
  readonly cleanView: string;
  readonly clean: number;
  /** Absent when every row passed. */
  readonly quarantine?: Quarantine;
}

interface Quarantine {
  /** Parquet file of the rows as they came, with row number and reason. */
  readonly path: string;
  /** View of the same rows: the typed columns and the row number. */
  readonly typedView: string;
}

/** A reason for the quarantine that is no rule of a column. */
interface TargetReason {
  readonly condition: string;
  readonly reason: string;
}

/**
 * Judge every row by the rules of the columns and by its target.
 *
 * A row is counted under each rule that it breaks, and quarantined under the first. Rows that pass are read once, and what
 * is told of the others is read from a file of these.
 *
 * @param rows how many rows the snapshot has
 */
export async function checkRows(session: DataSession, schema: Schema, spec: PipelineSpec, rows: number): Promise<RowCheck> {
  const { rules, rowNumber, brokenRule } = schema;
  const targetReasons = reasonsOfTarget(spec.target);
  const judgedView = `${internalPrefix}judged`;
  const reason = `${internalPrefix}reason`;
  const cases = targetReasons.map(({ condition }, i) => `WHEN ${condition} THEN ${rules.length + i}`).join(' ');
  await session.run(
    `CREATE VIEW ${judgedView} AS SELECT *, coalesce(${brokenRule}, CASE ${cases} END) AS ${reason} FROM (SELECT *, ${targetSql(spec.target)} AS ${targetColumn} FROM ${schema.view})`,
  );
  const cleanView = `${internalPrefix}clean`;
  await session.run(`CREATE VIEW ${cleanView} AS SELECT * FROM ${judgedView} WHERE ${reason} IS NULL`);

  const reasons = [...rules.map((rule) => rule.reason), ...targetReasons.map((target) => target.reason)];
  const typedView = `${internalPrefix}broken`;
  const columns = [rowNumber, reason, ...schema.columns.map(({ name }) => identifier(name))].join(', ');
  await keep(session, typedView, `SELECT ${columns} FROM ${judgedView} WHERE ${reason} IS NOT NULL`, spec);
  const groups = await session.rows(`SELECT ${reason} AS reason, count(*) AS rows FROM ${typedView} GROUP BY ${reason} ORDER BY 2 DESC, 1`);
  const taken = groups.map((group) => ({ index: Number(group.reason), rows: Number(group.rows) }));
  const quarantined = taken.map((group) => ({ reason: reasons[group.index], rows: group.rows }));
  const clean = rows - taken.reduce((sum, group) => sum + group.rows, 0);
  const quarantineView = `${internalPrefix}quarantine`;
  const reasonText = `[${reasons.map(textLiteral).join(', ')}][broken.${reason} + 1] AS ${reason}`;
  const quarantine = taken.length > 0 && {
    path: await keep(
      session,
      quarantineView,
      `SELECT source.*, ${reasonText} FROM ${schema.sourceView} AS source JOIN ${typedView} AS broken ON source.${rowNumber} = broken.${rowNumber} ORDER BY source.${rowNumber}`,
      spec,
    ),
    typedView,
  };

  // A row that breaks a rule of quarantine is in quarantine, by that one or by another.
  const anomalies = await ruleAnomalies(session, schema, spec, rows, (rule) =>
    rule.onViolation !== 'quarantine' ? schema.sourceView : quarantine ? quarantineView : undefined,
  );
  for (const { index, rows: without } of taken.filter((group) => group.index >= rules.length)) {
    const isWhole = index === rules.length && clean === 0;
    anomalies.push({
      severity: isWhole || isTooMany(without, rows, spec) ? 'error' : 'warn',
      rule: 'target',
      column: spec.target.name,
      expected: index === rules.length ? 'a target in every row' : `a class among ${shortList(declaredClasses(spec.target))}`,
      found: `${isWhole ? 'none in any row' : reasons[index]}: ${without} of ${rows} rows`,
      rows: without,
    });
  }
  anomalies.push(...totalAnomalies(clean, rows, quarantined, anomalies, spec));
  return { anomalies, quarantined, cleanView, clean, ...(quarantine ? { quarantine } : {}) };
}

/** Write the rows of a query down, and name them. @returns the file's path */
async function keep(session: DataSession, view: string, query: string, spec: PipelineSpec): Promise<string> {
  const path = join(session.scratch, `${view}.parquet`);
  await session.run(`COPY (${query}) TO ${textLiteral(path)} (${parquetOptions(spec)})`);
  await session.run(`CREATE VIEW ${view} AS SELECT * FROM read_parquet(${pathLiteral(path)}, hive_partitioning = false)`);
  return path;
}

function declaredClasses(target: TargetSpec): readonly string[] {
  return 'classes' in target ? (target.classes ?? []) : [];
}

function reasonsOfTarget(target: TargetSpec): TargetReason[] {
  const missing = { condition: `${targetColumn} IS NULL`, reason: `the target ${target.name} is missing` };
  if (target.task !== 'multiclass' || !target.classes) return [missing];
  const classes = target.classes.map(textLiteral).join(', ');
  return [missing, { condition: `${targetColumn} NOT IN (${classes})`, reason: `the target ${target.name} is not a declared class` }];
}

function quarantineLimit(spec: PipelineSpec): string {
  return `${(spec.expectations.maxQuarantined * 100).toPrecision(3)} % of the rows quarantined (expectations.maxQuarantined)`;
}

function isTooMany(broken: number, rows: number, spec: PipelineSpec): boolean {
  return broken > spec.expectations.maxQuarantined * rows;
}

/** @param relationOf view with the rows, as they came, that may break a rule; undefined when none can */
async function ruleAnomalies(
  session: DataSession,
  { rules, rowNumber }: Schema,
  spec: PipelineSpec,
  rows: number,
  relationOf: (rule: RowRule) => string | undefined,
): Promise<Anomaly[]> {
  const brokenRows = new Map<RowRule, number>();
  for (const relation of new Set(rules.map(relationOf))) {
    if (relation === undefined) continue;
    const applied = rules.filter((rule) => relationOf(rule) === relation);
    for (let from = 0; from < applied.length; from += 2 * columnsAtOnce) {
      const batch = applied.slice(from, from + 2 * columnsAtOnce);
      const counts = batch.map(({ isBroken }, i) => `count(*) FILTER (${isBroken}) AS broken${i}`);
      const [found] = await session.rows(`SELECT ${counts.join(', ')} FROM ${relation}`);
      for (const [i, rule] of batch.entries()) brokenRows.set(rule, Number(found[`broken${i}`]));
    }
  }
  const anomalies: Anomaly[] = [];
  for (const rule of rules) {
    const broken = brokenRows.get(rule) ?? 0;
    if (broken === 0) continue;
    const [first] = await session.rows(
      `SELECT min(${rowNumber}) AS row, arg_min(${rule.example}, ${rowNumber}) AS value FROM ${relationOf(rule)!} WHERE ${rule.isBroken}`,
    );
    const isOverLimit = rule.onViolation === 'quarantine' && isTooMany(broken, rows, spec);
    const isRefused = rule.onViolation === 'fail' || isOverLimit;
    const limit = isOverLimit ? `, over the ${quarantineLimit(spec)}` : '';
    anomalies.push({
      severity: isRefused ? 'error' : 'warn',
      rule: rule.rule,
      column: rule.column,
      expected: rule.expected,
      found: `${description(rule)} in ${broken} of ${rows} rows, first in row ${Number(first.row)}${exampleText(rule, first.value as string | null)}${limit}`,
      rows: broken,
    });
  }
  return anomalies;
}

function description(rule: RowRule): string {
  return { type: 'something else', infinite: 'an infinite value', null: 'no value', range: 'a value beyond it', allowed: 'another value' }[
    rule.rule
  ];
}

function exampleText(rule: RowRule, value: string | null): string {
  return rule.rule === 'null' || value === null ? '' : ` (${JSON.stringify(value.slice(0, 60))})`;
}

function totalAnomalies(
  clean: number,
  rows: number,
  quarantined: ValidationReport['quarantined'],
  known: readonly Anomaly[],
  spec: PipelineSpec,
): Anomaly[] {
  const { minRows } = spec.expectations;
  const anomalies: Anomaly[] = [];
  const isExplained = known.some((anomaly) => anomaly.severity === 'error');
  if (!isExplained && isTooMany(rows - clean, rows, spec))
    anomalies.push({
      severity: 'error',
      rule: 'quarantined',
      expected: `at most ${quarantineLimit(spec)}`,
      found: `${rows - clean} of ${rows} rows: ${quarantined.map((group) => `${group.reason} (${group.rows})`).join(', ')}`,
      rows: rows - clean,
    });
  // Rows that were there, and fell to what is reported already, are not reported as missing.
  if (clean < minRows && (!isExplained || rows < minRows))
    anomalies.push({
      severity: 'error',
      rule: 'min-rows',
      expected: `at least ${minRows} rows (expectations.minRows)`,
      found: `${clean} usable rows`,
      rows: clean,
    });
  return anomalies;
}
