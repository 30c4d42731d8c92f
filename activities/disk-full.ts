import { ApplicationFailure } from '@temporalio/common';
import { firstLine } from '../ml/first-line.js';
import { size } from '../ml/data/report/format-figure.js';
import { DiskFullError, freeBytesAt, type WrittenFolder } from '../ml/disk-full.js';

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
  const { folder = scratch, needs = ofStages, resume = ofRuns } = error instanceof DiskFullError ? error.facts : {};
  const freeBytes = await freeBytesAt(folder.path);
  const said = firstLine(error instanceof DiskFullError && error.cause !== undefined ? error.cause : error).replace(/[.\s]+$/, '');
  const room = freeBytes === undefined ? '' : ` What was begun is removed again, which leaves ${size(freeBytes)} free.`;
  const isLast = attempt >= mostAttempts;
  const what = `The disk of ${folder.name} ${folder.path}, or its quota, is full: ${said}.${room}`;
  const advice = `Free some space there, or ${folder.elsewhere}.`;
  const further = isLast ? `It was tried ${attempt} times. ${resume}` : 'It is tried again in some seconds.';
  return ApplicationFailure.create({
    type: 'DiskFull',
    message: `${what} ${needs} ${advice} ${further}`,
    nonRetryable: isLast,
    ...(isLast ? {} : { nextRetryDelay: pausesMs[attempt - 1] }),
    cause: error instanceof Error ? error : undefined,
  });
}
