import { mkdir, rename, writeFile } from 'node:fs/promises';
import { bundleWorkflowCode } from '@temporalio/worker';
import { workflowsPath } from '../workers/workflow-bundle.js';

/** Writes `build/workflow-bundle.js`, for images whose workers start without bundling (ANNEAL_WORKFLOW_BUNDLE). */
const { code } = await bundleWorkflowCode({ workflowsPath });
await mkdir('build', { recursive: true });
await writeFile('build/workflow-bundle.js.partial', code);
await rename('build/workflow-bundle.js.partial', 'build/workflow-bundle.js');
process.stdout.write(`build/workflow-bundle.js: ${(code.length / 1e6).toFixed(1)} MB\n`);
