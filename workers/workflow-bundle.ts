import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type WorkflowBundleOption } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Settings } from './settings.js';

export const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));

/**
 * The workflows as one bundle: a prebuilt file when `ANNEAL_WORKFLOW_BUNDLE` names one (`npm run build:workflows` writes
 * it, the image does that), else bundled here, which takes about 3 seconds.
 */
export async function workflowBundle(settings: Settings, logger: Logger): Promise<WorkflowBundleOption> {
  if (settings.workflowBundle) return { codePath: settings.workflowBundle };
  return bundleWorkflowCode({
    workflowsPath,
    logger: {
      log: () => undefined,
      trace: () => undefined,
      debug: () => undefined,
      info: () => undefined,
      warn: (message) => logger.warn(message),
      error: (message) => logger.error(message),
    },
  });
}
