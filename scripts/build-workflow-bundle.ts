import { mkdir, rename, writeFile } from 'node:fs/promises';
import { bundleWorkflowCode } from '@temporalio/worker';
import { tracedBundlePath, tracingInterceptors, workflowsPath } from '../workers/workflow-bundle.js';

/**
 * Writes `build/workflow-bundle.js`, for images whose workers start without bundling (ANNEAL_WORKFLOW_BUNDLE), and beside it the one for
 * workers that send spans.
 */
const path = 'build/workflow-bundle.js';

async function build(file: string, workflowInterceptorModules: string[]): Promise<void> {
  const { code } = await bundleWorkflowCode({ workflowsPath, workflowInterceptorModules });
  await writeFile(`${file}.partial`, code);
  await rename(`${file}.partial`, file);
  process.stdout.write(`${file}: ${(code.length / 1e6).toFixed(1)} MB\n`);
}

await mkdir('build', { recursive: true });
await build(path, []);
await build(tracedBundlePath(path), [tracingInterceptors]);
