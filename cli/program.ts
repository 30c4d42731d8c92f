import { Command } from 'commander';
import { registerApprove } from './commands/approve.js';
import { registerBatch } from './commands/batch.js';
import { registerBatches } from './commands/batches.js';
import { registerCancel } from './commands/cancel.js';
import { registerDown } from './commands/down.js';
import { registerInit } from './commands/init.js';
import { registerLabels } from './commands/labels.js';
import { registerModels } from './commands/models.js';
import { registerOverride } from './commands/override.js';
import { registerPredict } from './commands/predict.js';
import { registerPredictions } from './commands/predictions.js';
import { registerPromote } from './commands/promote.js';
import { registerQuarantine } from './commands/quarantine.js';
import { registerRecheck } from './commands/recheck.js';
import { registerReject } from './commands/reject.js';
import { registerReport } from './commands/report.js';
import { registerRollback } from './commands/rollback.js';
import { registerRun } from './commands/run.js';
import { registerRuns } from './commands/runs.js';
import { registerSchedule } from './commands/schedule.js';
import { registerSchema } from './commands/schema.js';
import { registerShow } from './commands/show.js';
import { registerStart } from './commands/start.js';
import { registerStatus } from './commands/status.js';
import { registerUp } from './commands/up.js';

/** The command line: names, options and help. Each command imports what it needs when it is called. */
export function createProgram(): Command {
  const program = new Command('anneal')
    .description('The whole life of a machine-learning model as durable Temporal workflows: train, register, promote, serve.')
    .version('0.1.0')
    .option('--debug', 'show stack traces of errors')
    .exitOverride()
    .showHelpAfterError('(add --help for the options and examples)')
    .addHelpText(
      'after',
      `
Environment:
  ANNEAL_HOME                where everything is kept (default .anneal)
  ANNEAL_TEMPORAL_PORT, ANNEAL_TEMPORAL_UI_PORT, ANNEAL_MLFLOW_PORT, ANNEAL_HTTP_PORT,
  ANNEAL_GRPC_PORT           ports of the embedded stack (7233, 8233, 5000, 8080, 8081)
  TEMPORAL_ADDRESS           a Temporal server to use in place of the embedded one
  MLFLOW_TRACKING_URI        an MLflow server to use in place of the embedded one

Exit codes: 0 done, 1 failed, 2 wrong usage.`,
    );
  const register = [
    registerStart,
    registerInit,
    registerUp,
    registerDown,
    registerStatus,
    registerRun,
    registerRuns,
    registerShow,
    registerReport,
    registerLabels,
    registerCancel,
    registerApprove,
    registerReject,
    registerOverride,
    registerRecheck,
    registerSchema,
    registerQuarantine,
    registerModels,
    registerPromote,
    registerRollback,
    registerPredict,
    registerPredictions,
    registerBatch,
    registerBatches,
    registerSchedule,
  ];
  for (const add of register) add(program);
  return program;
}
