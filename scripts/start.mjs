import { projectRoot, setupOrExit } from './setup.mjs';

await setupOrExit();
process.chdir(projectRoot);
const { runCommandLine } = await import('../cli/anneal.mjs');
await runCommandLine(['start', ...process.argv.slice(2)]);
