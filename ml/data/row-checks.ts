import type { Anomaly, ValidationReport } from '../../contracts/dataset.js';
import type { PipelineSpec, TargetSpec } from '../../contracts/pipeline.js';
import type { DataSession } from './duckdb-session.js';
import { type RowRule, shortList } from './row-rules.js';
import { internalPrefix, type Schema } from './schema-check.js';
import { textLiteral } from './sql-quoting.js';
import { targetColumn, targetSql } from './target-column.js';
import { columnsAtOnce } from './typed-rows.js';

export interface RowCheck {
  readonly anomalies: readonly Anomaly[];
  /** Largest first. */
  readonly quarantined: ValidationReport['quarantined'];
  /** View of the rows that passed: the typed columns and the target. */
  readonly cleanView: string;
  readonly clean: number;
  /** View of all rows, and its column that is NULL for those that passed. */
  readonly judgedView: string;
  readonly reason: string;
  /** The rows that did not, as they came, with row number and reason. */
  readonly quarantineQuery: string;
}

/** A reason for the quarantine that is no rule of a column. */
interface TargetReason {
  readonly condition: string;
  readonly reason: string;
}

/**
 * Judge every row by the rules of the columns and by its target.
 *
 * A row is counted under each rule that it breaks, and quarantined under the first.
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
  const groups = await session.rows(
    `SELECT ${reason} AS reason, count(*) AS rows FROM ${judgedView} GROUP BY ${reason} ORDER BY 2 DESC, 1`,
  );
  const clean = Number(groups.find((group) => group.reason === null)?.rows ?? 0);
  const taken = groups.filter((group) => group.reason !== null).map((group) => ({ index: Number(group.reason), rows: Number(group.rows) }));
  const quarantined = taken.map((group) => ({ reason: reasons[group.index], rows: group.rows }));

  const anomalies = await ruleAnomalies(session, schema, spec, rows);
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

  const reasonList = `[${reasons.map(textLiteral).join(', ')}]`;
  const quarantineQuery =
    `SELECT source.*, ${reasonList}[judged.${reason} + 1] AS ${reason} FROM ${schema.sourceView} AS source ` +
    `JOIN ${judgedView} AS judged ON source.${rowNumber} = judged.${rowNumber} WHERE judged.${reason} IS NOT NULL ORDER BY source.${rowNumber}`;
  return { anomalies, quarantined, cleanView, clean, judgedView, reason, quarantineQuery };
}

function declaredClasses(target: TargetSpec): readonly string[] {
  return target.task === 'regression' ? [] : (target.classes ?? []);
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

async function ruleAnomalies(session: DataSession, schema: Schema, spec: PipelineSpec, rows: number): Promise<Anomaly[]> {
  const { rules, rowNumber, sourceView } = schema;
  if (rules.length === 0) return [];
  const found: Record<string, unknown> = {};
  for (let from = 0; from < rules.length; from += 2 * columnsAtOnce) {
    const counts = rules
      .slice(from, from + 2 * columnsAtOnce)
      .map(({ isBroken }, i) => `count(*) FILTER (${isBroken}) AS broken${from + i}`);
    Object.assign(found, ...(await session.rows(`SELECT ${counts.join(', ')} FROM ${sourceView}`)));
  }
  const anomalies: Anomaly[] = [];
  for (const [i, rule] of rules.entries()) {
    const broken = Number(found[`broken${i}`]);
    if (broken === 0) continue;
    const [first] = await session.rows(
      `SELECT min(${rowNumber}) AS row, arg_min(${rule.example}, ${rowNumber}) AS value FROM ${sourceView} WHERE ${rule.isBroken}`,
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
