import { once } from 'node:events';

export default async function stopServers() {
  const keeper = globalThis.annealTestServers;
  if (!keeper || keeper.exitCode !== null) return;
  keeper.ref();
  const exited = once(keeper, 'exit');
  keeper.stdin.end();
  await exited;
}
