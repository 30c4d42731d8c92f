import { readFile } from 'node:fs/promises';

/** @returns memory that a process has in use; 0 for one that has ended, and where the system has no `/proc` */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
