import { ApplicationFailure } from '@temporalio/common';
import { firstLine } from '../ml/first-line.js';
import { size } from '../ml/data/report/format-figure.js';
import { DiskFullError, freeBytesAt, type WrittenFolder } from '../ml/disk-full.js';
import { TrainingChildError } from '../ml/train/child/training-child-error.js';

/** Somebody may be clearing up, or another program's file may be about to go; a disk that stays full is for people. */
const mostAttempts = 4;
const pausesMs = [5000, 10_000, 20_000] as const;
const ofStages = 'A stage needs about as much room there as the data take that it reads.';
const ofRuns = 'Then start the run again (anneal run): what it has finished of its data stays, and is not done again.';

/**
 * What a stage fails with whose disk is full: one paragraph with the folder, the room in it, what is wanted, and how it goes on. It is tried
 * again after a pause, four times in all within about half a minute, and not for the minutes that other failures are.
 *
 * @param error of which `isDiskFull`
 * @param scratch what is full where the error does not know it: DuckDB's files and its overflow lie there
 * @param attempt from 1
 */
export async function diskFullFailure(error: unknown, scratch: WrittenFolder, attempt: number): Promise<ApplicationFailure> {
  const { needs = ofStages, resume = ofRuns } = error instanceof DiskFullError ? error.facts : {};
  const { what, advice } = await describeFullDisk(error, scratch);
  const isLast = attempt >= mostAttempts;
  const further = isLast ? `It was tried ${attempt} times. ${resume}` : 'It is tried again in some seconds.';
  return ApplicationFailure.create({
    type: 'DiskFull',
    message: `${what} ${needs} ${advice} ${further}`,
    nonRetryable: isLast,
    ...(isLast ? {} : { nextRetryDelay: pausesMs[attempt - 1] }),
    cause: error instanceof Error ? error : undefined,
  });
}

/**
 * What a training fails with whose disk is full. It is counted, and tried again, like every failure of a training process: a training
 * has more to lose than a stage of the data, so it waits longer for room.
 *
 * @param error of which `isDiskFull`
 * @param scratch what is full where the error does not know it: checkpoints are written there
 */
export async function trainingDiskFull(error: unknown, scratch: WrittenFolder): Promise<TrainingChildError> {
  const { what, advice } = await describeFullDisk(error, scratch);
  return new TrainingChildError(
    what,
    undefined,
    { cause: error },
    `A checkpoint is written to the scratch folder and then stored. ${advice}`,
  );
}

export function scratchFolder(path: string): WrittenFolder {
  return { path, name: 'the scratch folder', elsewhere: 'point ANNEAL_HOME at a larger disk' };
}

/** What is full, how much room there is, and what to do about it; once what was begun has been removed. */
async function describeFullDisk(error: unknown, scratch: WrittenFolder): Promise<{ readonly what: string; readonly advice: string }> {
  const folder = (error instanceof DiskFullError ? error.facts.folder : undefined) ?? scratch;
  const isWrapped = error instanceof DiskFullError || error instanceof TrainingChildError;
  const said = firstLine(isWrapped && error.cause !== undefined ? error.cause : error).replace(/[.\s]+$/, '');
  const freeBytes = await freeBytesAt(folder.path);
  const room = freeBytes === undefined ? '' : ` What was begun is removed again, which leaves ${size(freeBytes)} free.`;
  return {
    what: `The disk of ${folder.name} ${folder.path}, or its quota, is full: ${said}.${room}`,
    advice: `Free some space there, or ${folder.elsewhere}.`,
  };
}
