import { stageNames, type PipelineStatus, type StageName, type StageStatus, type SweepStatus } from '../../contracts/training-pipeline.js';
import type { TrainProgress } from '../../contracts/training.js';
import type { Setback } from './run-snapshot.js';

/** A run as a test needs it: the stages before `stage` are done, `stage` runs, those after it are pending. */
export function runAt(stage: StageName | 'end', change: Partial<PipelineStatus> = {}): PipelineStatus {
  const at = stage === 'end' ? stageNames.length : stageNames.indexOf(stage);
  const stages = stageNames.map((name, index): StageStatus => {
    const startedAtMs = 1000 + index * 10_000;
    if (index < at) return { name, state: 'done', startedAtMs, endedAtMs: startedAtMs + 10_000, summary: `${name} went well` };
    return index === at ? { name, state: 'running', startedAtMs } : { name, state: 'pending' };
  });
  return {
    pipeline: 'flight-delay',
    run: '20261123-214500-x7k2',
    workflowId: 'pipeline/flight-delay/20261123-214500-x7k2',
    state: stage === 'end' ? 'promoted' : 'running',
    stages,
    primaryMetric: 'auc',
    warnings: [],
    startedAtMs: 1000,
    ...(stage === 'end' ? { endedAtMs: 81_000 } : {}),
    ...change,
  };
}

export const sweepOfTwo: SweepStatus = {
  primaryMetric: 'auc',
  rungs: [100, 300],
  best: 1,
  trials: [
    { trial: 0, workflowId: 's/trial-0', parameters: { 'training.learningRate': 0.00212345 }, state: 'running', rung: 0 },
    { trial: 1, workflowId: 's/trial-1', parameters: { 'model.hidden': [64, 32] }, state: 'paused', rung: 0, metric: 0.70412 },
  ],
};

export const halfTrained: TrainProgress = {
  step: 1200,
  totalSteps: 4900,
  epoch: 2,
  epochs: 5,
  loss: 0.51234,
  rowsPerSecond: 312_345.6,
  etaSeconds: 12,
  validation: { auc: 0.7131 },
};

export const fullDisk: Setback = {
  trial: 1,
  activity: 'trainModel',
  failedAttempts: 2,
  reason: 'The artifact store could not write: the file system is full. Free some space.',
};
