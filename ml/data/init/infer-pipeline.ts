import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { definePipeline, type PipelineInput, type Task } from '../../../contracts/pipeline.js';
import { chooseFeatures } from './choose-features.js';
import { chooseSplit } from './choose-split.js';
import { chooseTarget } from './choose-target.js';
import { chooseTraining } from './choose-training.js';
import type { ColumnFacts } from './column-facts.js';
import { type Findings, noFindings } from './findings.js';
import { percent, type Remarks } from './remark.js';

export interface InferenceRequest {
  readonly name: string;
  readonly source: PipelineInput['source'];
  readonly target: string;
  readonly task?: Task;
  readonly rows: number;
  readonly columns: readonly ColumnFacts[];
  /** Why the source is read as it is. */
  readonly sourceRemark?: string;
  readonly findings?: Findings;
}

export interface InferredPipeline {
  readonly definition: PipelineInput;
  /** What the author should know, by the path of what it is about. */
  readonly remarks: Remarks;
  /** Columns that the pipeline does not use, with the reason. */
  readonly leftOut: readonly { readonly column: string; readonly reason: string }[];
}

/** With fewer rows there is nothing to learn, nor anything to test it on. */
const leastRows = 30;
const leastRowsPerClass = 10;

/**
 * Write the definition of a working pipeline for a data set that was looked at.
 *
 * Pure. The definition has been checked by `definePipeline`.
 *
 * @throws AnnealError `InvalidData` when no model can be made: no such column, a target without two values, too few rows, no feature
 */
export function inferPipeline(request: InferenceRequest): InferredPipeline {
  const { name, source, task, rows, columns, sourceRemark, findings = noFindings } = request;
  const label = labelOf(columns, request.target);
  const target = label.name;
  if (rows < leastRows) throw impossible(`There are ${rows} rows.`, `At least ${leastRows} are needed to train, to decide and to test.`);
  const remarks: Remarks = new Map();
  const chosen = chooseTarget(label, rows, task);
  remarks.set('target', chosen.remark);
  const isClassification = chosen.target.task !== 'regression';
  if (sourceRemark !== undefined) remarks.set('source', sourceRemark);
  const { split: simple, remark } = chooseSplit(columns, { rows, target, isClassification, findings });
  const { features, leftOut } = chooseFeatures(columns, target, rows, remarks, { split: simple, leaks: findings.leaks });
  if (Object.keys(features).length === 0)
    throw impossible('No column can be a feature.', leftOut.map(({ column, reason }) => `"${column}": ${reason}`).join('; '));
  const featureColumns = [...new Set(Object.values(features).map((feature) => feature.column))];
  const split = findings.hasCopies && simple.kind === 'random' ? { ...simple, key: featureColumns } : simple;
  remarks.set('split', split === simple ? remark : `${remark} Rows that are alike in their features share a part.`);
  const splitColumns = split.kind === 'time' ? [split.column] : split.kind === 'group' ? split.columns : [];
  const used = new Set([target, ...featureColumns, ...splitColumns]);
  const declared = columns.filter((column) => used.has(column.name));
  const definition: PipelineInput = {
    name,
    source,
    columns: Object.fromEntries(declared.map((facts) => [facts.name, columnOf(facts, target, rows, remarks)])),
    expectations: { ...expectationsOf(declared, chosen.rarest, chosen.unlabelled, target, rows, remarks), ...limitsOf(findings, remarks) },
    target: chosen.target,
    split,
    features,
    ...chooseTraining(
      rows,
      Object.values(features).some(({ kind }) => kind === 'categorical' || kind === 'calendar'),
      chosen,
      split,
      remarks,
    ),
    gates: gatesOf(chosen.target.task),
  };
  remarks.set('gates', 'What a version must reach to be promoted. The baseline always predicts what is most likely without any feature.');
  definePipeline(definition);
  return { definition, remarks, leftOut };
}

/** The column that is meant: blanks around a name in a header are often not seen. */
function labelOf(columns: readonly ColumnFacts[], target: string): ColumnFacts {
  const label = columns.find(({ name }) => name === target) ?? columns.find(({ name }) => name.trim() === target.trim());
  if (label) return label;
  const close = columns.find(({ name }) => name.trim().toLowerCase() === target.trim().toLowerCase());
  const shown = columns.slice(0, 50).map(({ name }) => name);
  throw impossible(
    `There is no column "${target}".`,
    close
      ? `Did you mean "${close.name}"?`
      : `The columns are ${shown.join(', ')}${columns.length > shown.length ? ` and ${columns.length - shown.length} more` : ''}.`,
  );
}

/** What the data are like at present, as limits that the run's checks hold later data to. */
function limitsOf({ expectations, reasons, allowed }: Findings, remarks: Remarks): PipelineInput['expectations'] {
  for (const [name, reason] of reasons) remarks.set(`expectations.${name}`, reason);
  if (allowed.length === 0) return expectations;
  remarks.set(
    'expectations.leakage',
    'Each of these nearly gives the label away, and there are no other features. Is it known before the label is?',
  );
  return { ...expectations, leakage: { allow: [...allowed] } };
}

function columnOf(
  { name, type, missing, unreadable }: ColumnFacts,
  target: string,
  rows: number,
  remarks: Remarks,
): PipelineInput['columns'][string] {
  const isNullable = name !== target && missing > 0;
  if (unreadable > 0)
    remarks.set(
      `columns.${name}`,
      `${unreadable.toLocaleString('en-US')} values are no ${type} (${percent(unreadable / rows)}); those rows go to quarantine.`,
    );
  return { type: type!, ...(isNullable ? { nullable: true } : {}) } as PipelineInput['columns'][string];
}

function expectationsOf(
  declared: readonly ColumnFacts[],
  rarest: number | undefined,
  unlabelled: number,
  target: string,
  rows: number,
  remarks: Remarks,
): PipelineInput['expectations'] {
  const unreadable = declared.filter(({ name }) => name !== target).reduce((sum, facts) => sum + facts.unreadable, 0) / rows;
  const quarantined = unlabelled + unreadable;
  const maxQuarantined = quarantined > 0.005 ? Number(Math.min(1, quarantined * 1.5 + 0.01).toPrecision(2)) : undefined;
  if (maxQuarantined !== undefined)
    remarks.set(
      'expectations.maxQuarantined',
      unlabelled > 0
        ? `${percent(unlabelled)} of the rows have no label that can be learned, and are taken out.`
        : 'Some values are not of their column’s type.',
    );
  // A split takes 30 % of a class away.
  const isRare = rarest !== undefined && rarest * 0.6 < leastRowsPerClass;
  if (isRare) remarks.set('expectations.minRowsPerClass', `The rarest class has ${rarest} rows in all: too few to be learned well.`);
  return {
    minRows: Math.max(1, Math.floor(rows / 2)),
    ...(maxQuarantined === undefined ? {} : { maxQuarantined }),
    ...(isRare ? { minRowsPerClass: 1 } : {}),
  };
}

function gatesOf(task: Task): PipelineInput['gates'] {
  // R² has no unit, so that its limits fit any target.
  const metric = ({ binary: 'auc', multiclass: 'logLoss', regression: 'r2' } as const)[task];
  return [
    { metric, betterThan: 'baseline', by: task === 'binary' ? 0.05 : 0.01 },
    { metric, betterThan: 'champion', by: task === 'binary' ? -0.005 : -0.01 },
  ];
}

function impossible(found: string, way: string): AnnealError {
  return new AnnealError(failureTypes.invalidData, `No pipeline can be made of these data. ${found} ${way}`);
}
