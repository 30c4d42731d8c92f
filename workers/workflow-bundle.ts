import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type Logger as TemporalLogger, type WorkflowBundleOption } from '@temporalio/worker';
import type { Logger } from 'pino';
import { keptBundle } from './kept-bundle.js';
import type { Settings } from './settings.js';

export const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));
/** Bundled with them where spans are sent. */
export const tracingInterceptors = fileURLToPath(new URL('../workflows/tracing-interceptors.ts', import.meta.url));

/** The prebuilt bundle with `tracingInterceptors` lies beside the one without. */
export function tracedBundlePath(path: string): string {
  return path.replace(/(\.js)?$/, '.traced.js');
}

/**
 * The workflows as one bundle: a prebuilt file when `ANNEAL_WORKFLOW_BUNDLE` names one (`npm run build:workflows` writes
 * it, the image does that), else bundled here, once for the same sources.
 */
export async function workflowBundle(settings: Settings, logger: Logger): Promise<WorkflowBundleOption> {
  const { workflowBundle: prebuilt, tracing } = settings;
  if (prebuilt) return { codePath: tracing ? tracedBundlePath(prebuilt) : prebuilt };
  return {
    code: await bundledWorkflows(tracing, {
      log: () => undefined,
      trace: () => undefined,
      debug: () => undefined,
      info: () => undefined,
      warn: (message) => logger.warn(message),
      error: (message) => logger.error(message),
    }),
  };
}

/** @param traced with `tracingInterceptors` */
export function bundledWorkflows(traced: boolean, logger: TemporalLogger): Promise<string> {
  const workflowInterceptorModules = traced ? [tracingInterceptors] : [];
  return keptBundle(traced ? 'traced' : 'plain', () => bundleWorkflowCode({ workflowsPath, workflowInterceptorModules, logger }));
}
