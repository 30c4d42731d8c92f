import { type EncodedFiles, readEncodedFiles } from './encoded-files.js';
import { EncodedReader } from './encoded-reader.js';
import type { EncodedData, EngineSession } from '../engine.js';
import type { TrainingJob } from '../child/training-job.js';
import { type TrainingPlan, createTrainingPlan, isLarge, standardizeTarget, targetScaler } from '../training-plan.js';
import { ResidentRows, StreamedRows, type TrainingRows } from './training-rows.js';
import { type SlicedRows, readerSlices, residentSlices, validationSubset } from './validation.js';

/** The rows of a job: in memory where they fit, else read from its files as they are needed. */
export interface JobData {
  readonly plan: TrainingPlan;
  /** What the session is opened with. */
  readonly initial: EncodedData;
  readonly validation: SlicedRows;
  trainingRows(session: EngineSession): TrainingRows;
  openSlices(files: EncodedFiles): Promise<SlicedRows>;
  /** Closes every file. */
  close(): Promise<void>;
}

/** A validation part of more than this share of what the training part may take is read a slice at a time. */
const validationShare = 1 / 4;
/** Rows that tell the spread of the numbers of a part that is not in memory. */
const momentRows = 1_000_000;

/** @throws AnnealError as `createTrainingPlan` and `validationSubset` do; `ArtifactCorrupt` when a file has the wrong length */
export async function openJobData({ request, train, validation }: TrainingJob): Promise<JobData> {
  const { layout, task, trainingPrior } = request;
  const readers: EncodedReader[] = [];
  const openReader = async (files: EncodedFiles): Promise<EncodedReader> => {
    const reader = await EncodedReader.open(files, layout);
    readers.push(reader);
    return reader;
  };
  const openSlices = async (files: EncodedFiles): Promise<SlicedRows> =>
    isLarge(request, files.rows, validationShare)
      ? readerSlices(await openReader(files))
      : residentSlices(readEncodedFiles(files, layout), layout);
  const close = async (): Promise<void> => {
    for (const reader of readers) await reader.close();
  };
  try {
    if (isLarge(request, train.rows)) {
      const reader = await openReader(train);
      const numeric = request.training.augmentation && (await numbersOf(reader));
      const plan = createTrainingPlan(request, await reader.readTarget(), numeric);
      const { streaming } = plan;
      if (!streaming) throw new Error('a training part that does not fit into memory has no plan for reading it');
      return {
        plan,
        initial: reader.allocate(0),
        validation: await validationSubset(layout, await openSlices(validation), request.validationRows),
        trainingRows: (session) =>
          new StreamedRows({ plan: { ...plan, streaming }, reader, session, scaleTarget: targetScaler(task, trainingPrior) }),
        openSlices,
        close,
      };
    }
    const raw = readEncodedFiles(train, layout);
    const plan = createTrainingPlan(request, raw.target, raw.numeric);
    const initial = standardizeTarget(task, trainingPrior, raw);
    return {
      plan,
      initial,
      validation: await validationSubset(layout, await openSlices(validation), request.validationRows),
      trainingRows: () => new ResidentRows(plan, initial.rows, initial.target),
      openSlices,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Numbers of pieces from all over the file, so that those of a file in the order of time are not all early ones. */
async function numbersOf(reader: EncodedReader): Promise<Float32Array | undefined> {
  const pieces = 100;
  const length = Math.min(Math.floor(reader.rows / pieces), momentRows / pieces);
  const sample = reader.allocate(length * pieces);
  for (let piece = 0; piece < pieces; piece++) {
    const from = Math.floor((piece * reader.rows) / pieces);
    await reader.read(sample, piece * length, from, from + length);
  }
  return sample.numeric;
}
