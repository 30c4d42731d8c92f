import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { definePipeline, type PipelineInput, type Task } from '../../../contracts/pipeline.js';
import type { ImageSource } from '../../../contracts/pipeline/source.js';
import { chooseFeatures } from './choose-features.js';
import { chooseSplit } from './choose-split.js';
import { type ChosenTarget, chooseTarget, type Task as InferableTask } from './choose-target.js';
import { chooseTraining } from './choose-training.js';
import type { ColumnFacts } from './column-facts.js';
import { type Findings, noFindings } from './findings.js';
import { inferImages } from './infer-images.js';
import { otherLabelsRemark } from './other-labels.js';
import { percent, type Remarks } from './remark.js';

export interface InferenceRequest {
  readonly name: string;
  readonly source: PipelineInput['source'];
  /** Images have their folder for a target by default. */
  readonly target?: string;
  readonly task?: InferableTask;
  readonly rows: number;
  readonly columns: readonly ColumnFacts[];
  /** The column that numbers the rows, where the split goes by it. */
  readonly rowNumber?: string;
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
  const images = source.format === 'images' ? (source as ImageSource) : undefined;
  const label = labelOf(columns, request.target ?? (images && 'label'));
  if (rows < leastRows)
    throw impossible(
      rows === 1 ? 'There is 1 row.' : `There are ${rows} rows.`,
      `At least ${leastRows} are needed to train, to decide and to test.`,
    );
  const remarks: Remarks = new Map();
  const chosen = chooseTarget(label, rows, task);
  const others = chosen.target.task === 'binary' ? otherLabelsRemark(label, columns) : undefined;
  remarks.set('target', others === undefined ? chosen.remark : `${chosen.remark} ${others}`);
  if (sourceRemark !== undefined) remarks.set('source', sourceRemark);
  const { definition, leftOut } = images ? ofImages(images, request, chosen, remarks) : ofTable(request, label, chosen, remarks);
  const whole: PipelineInput = {
    name,
    source,
    ...definition,
    gates: gatesOf(chosen.target.task, definition.crossValidation?.kind === 'k-fold'),
  };
  whole.expectations = { ...whole.expectations, ...limitsOf(findings, remarks) };
  remarks.set('gates', 'What a version must reach to be promoted. The baseline always predicts what is most likely without any feature.');
  definePipeline(whole);
  return { definition: whole, remarks, leftOut };
}

type Chosen = Pick<InferredPipeline, 'leftOut'> & { readonly definition: Omit<PipelineInput, 'name' | 'source'> };

function ofTable(
  { rows, columns, rowNumber, findings = noFindings }: InferenceRequest,
  { name: target }: ColumnFacts,
  chosen: ChosenTarget,
  remarks: Remarks,
): Chosen {
  const isClassification = chosen.target.task !== 'regression';
  const { split: simple, remark } = chooseSplit(columns, { rows, target, isClassification, findings });
  const { features, leftOut } = chooseFeatures(columns, target, rows, remarks, { split: simple, leaks: findings.leaks });
  if (Object.keys(features).length === 0)
    throw impossible(
      'No column can be a feature.',
      leftOut.map(({ column, reason }) => `"${column}": ${reason}`).join('; ') || 'There is none beside the target.',
    );
  const featureColumns = [...new Set(Object.values(features).map((feature) => feature.column))];
  const { split, remark: keyRemark } = keyed(simple, featureColumns, rowNumber, findings);
  remarks.set('split', [remark, ...(keyRemark === undefined ? [] : [keyRemark])].join(' '));
  const splitColumns =
    split.kind === 'time' ? [split.column] : split.kind === 'group' ? split.columns : rowNumber === undefined ? [] : [rowNumber];
  const used = new Set([target, ...featureColumns, ...splitColumns]);
  const declared = columns.filter((column) => used.has(column.name));
  const unreadable = declared.filter((facts) => facts.name !== target).reduce((sum, facts) => sum + facts.unreadable, 0) / rows;
  const hasCategories = Object.values(features).some(({ kind }) => kind === 'categorical' || kind === 'calendar');
  return {
    definition: {
      columns: Object.fromEntries(declared.map((facts) => [facts.name, columnOf(facts, target, rows, remarks)])),
      expectations: expectationsOf(chosen, unreadable, rows, remarks),
      target: chosen.target,
      split,
      features,
      ...chooseTraining(rows, hasCategories, chosen, split, remarks),
    },
    leftOut,
  };
}

type ChosenSplit = PipelineInput['split'];

/** What tells rows apart in a random split: their features where they have copies, their number where there is little else. */
function keyed(
  split: ChosenSplit,
  featureColumns: readonly string[],
  rowNumber: string | undefined,
  { hasCopies, hasMixedCopies }: Findings,
): { readonly split: ChosenSplit; readonly remark?: string } {
  if (split.kind !== 'random') return { split };
  if (rowNumber !== undefined)
    return { split: { ...split, key: [rowNumber] }, remark: 'There are few different rows, so each is one of its own, by its number.' };
  if (!hasCopies) return { split };
  const alike = 'Rows that are alike in their features share a part';
  if (!hasMixedCopies) return { split: { ...split, key: [...featureColumns] }, remark: `${alike}.` };
  return {
    split: { ...split, key: [...featureColumns], stratify: false },
    remark: `${alike}; they have several classes, so the shares of the classes are not exact.`,
  };
}

function ofImages(
  source: ImageSource,
  { rows, columns, findings = noFindings }: InferenceRequest,
  chosen: ChosenTarget,
  remarks: Remarks,
): Chosen {
  const { broken, columns: declared, ...choices } = inferImages(source, columns, { rows, chosen, hasCopies: findings.hasCopies, remarks });
  const expectations = expectationsOf(chosen, broken / rows, rows, remarks);
  return { definition: { columns: declared, expectations, target: chosen.target, ...choices }, leftOut: [] };
}

/** The column that is meant: blanks around a name in a header are often not seen. */
function labelOf(columns: readonly ColumnFacts[], target: string | undefined): ColumnFacts {
  if (target === undefined)
    throw new AnnealError(
      failureTypes.invalidPipeline,
      `Say which column is to be predicted, by --target. The columns are ${namesOf(columns)}.`,
    );
  const label = columns.find(({ name }) => name === target) ?? columns.find(({ name }) => name.trim() === target.trim());
  if (label) return label;
  const close = columns.find(({ name }) => name.trim().toLowerCase() === target.trim().toLowerCase());
  throw impossible(`There is no column "${target}".`, close ? `Did you mean "${close.name}"?` : `The columns are ${namesOf(columns)}.`);
}

function namesOf(columns: readonly ColumnFacts[]): string {
  const shown = columns.slice(0, 50).map(({ name }) => name);
  return `${shown.join(', ')}${columns.length > shown.length ? ` and ${columns.length - shown.length} more` : ''}`;
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

/** @param unreadable share of the rows with a value that is not of its column's type */
function expectationsOf(
  { rarest, unlabelled }: ChosenTarget,
  unreadable: number,
  rows: number,
  remarks: Remarks,
): PipelineInput['expectations'] {
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

/** @param hasFolds whether the few rows are cross-validated: a test part of some tens of them passes by chance more often than five folds do */
function gatesOf(task: Task, hasFolds: boolean): PipelineInput['gates'] {
  // R² has no unit, so that its limits fit any target.
  const metric = ({ binary: 'auc', multiclass: 'logLoss', multilabel: 'auc', regression: 'r2' } as const)[task];
  return [
    { metric, betterThan: 'baseline', by: task === 'binary' ? 0.05 : 0.01 },
    ...(task === 'binary' && hasFolds ? [{ metric, crossValidated: true as const, min: 0.55 }] : []),
    { metric, betterThan: 'champion', by: task === 'binary' ? -0.005 : -0.01 },
  ];
}

function impossible(found: string, way: string): AnnealError {
  return new AnnealError(failureTypes.invalidData, `No pipeline can be made of these data. ${found} ${way}`);
}
