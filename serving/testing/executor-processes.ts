import { execFileSync } from 'node:child_process';

/** @returns ids of the executor processes that a process has started and that live */
export function executorPids(parent: number): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [pid, ppid, stat, ...command] = line.trim().split(/\s+/);
    return Number(ppid) === parent && !stat.startsWith('Z') && command.join(' ').includes('executor-process.js') ? [Number(pid)] : [];
  });
}
