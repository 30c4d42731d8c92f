import { readFileSync } from 'node:fs';
import type { TrainingSpec } from '../../../contracts/pipeline.js';
import { type Checkpoint, decodeCheckpoint } from '../checkpoint/checkpoint.js';
import type { StepPlan } from '../engine.js';
import { engines } from '../engines/index.js';
import { type SelectedEngine, selectEngine } from '../engines/select-engine.js';
import { planDigest, type TrainingPlan } from '../training-plan.js';

export interface ChosenEngine extends SelectedEngine {
  /** With the number of threads that the training was begun with. */
  readonly plan: TrainingPlan;
  /** Where the training goes on. */
  readonly resume?: Checkpoint;
  /** Why it does not go on from a checkpoint that there is, for people. */
  readonly beganAnew?: string;
}

/**
 * The engine of the checkpoint that the run goes on from, and the number of threads that it was begun with, since others would end in
 * other bits; else an engine is selected.
 *
 * @param candidates paths of checkpoints; one that cannot be read costs the steps since an older one, never the run
 */
export async function chooseEngine(
  requested: TrainingSpec['engine'],
  plan: TrainingPlan,
  candidates: readonly string[],
  untilStep: number,
): Promise<ChosenEngine> {
  const isOfRun = ({ digest, engine: { name }, plan: begun }: Checkpoint): boolean =>
    digest === planDigest(asBegun(plan, begun), name) && (requested === 'auto' || requested === name);
  const checkpoints = readCheckpoints(candidates);
  const ofRun = checkpoints.filter(isOfRun);
  const resume = furthest(ofRun.filter(({ step }) => step <= untilStep));
  const engine = resume && engines.find(({ name }) => name === resume.engine.name);
  const problem = engine && (await engine.unavailable());
  if (resume && engine && problem === undefined) return { engine, reason: resume.engine.reason, plan: asBegun(plan, resume.plan), resume };
  const selected = { ...(await selectEngine(requested, plan.step)), plan };
  const passedOver = resume ?? (ofRun.length === 0 ? furthest(checkpoints) : undefined);
  if (!passedOver) return selected;
  const why =
    problem === undefined
      ? 'is of other code, data, configuration or another seed than this training.'
      : `was made by ${passedOver.engine.name}, which cannot be used here. ${problem}`;
  return { ...selected, beganAnew: `The training began anew: its checkpoint at step ${passedOver.step} ${why}` };
}

/** The order of sums, and so their last bits, follows from the number of threads that a training was begun with. */
function asBegun(plan: TrainingPlan, { threads }: Pick<StepPlan, 'threads'>): TrainingPlan {
  return { ...plan, step: { ...plan.step, threads } };
}

function readCheckpoints(paths: readonly string[]): Checkpoint[] {
  return paths.flatMap((path) => {
    try {
      return [decodeCheckpoint(readFileSync(path))];
    } catch (error) {
      console.warn(`checkpoint ${path} is passed over: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  });
}

/** Of two at the same step, the one that was validated there. */
function furthest(checkpoints: readonly Checkpoint[]): Checkpoint | undefined {
  return checkpoints.reduce<Checkpoint | undefined>((best, checkpoint) => {
    if (best === undefined || checkpoint.step > best.step) return checkpoint;
    const isValidatedLater = checkpoint.step === best.step && (checkpoint.validatedAtStep ?? -1) > (best.validatedAtStep ?? -1);
    return isValidatedLater ? checkpoint : best;
  }, undefined);
}
