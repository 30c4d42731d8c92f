const tunable = 'glibc.malloc.hugetlb';

/**
 * Variables under which glibc's allocator asks Linux for large pages (`MADV_HUGEPAGE`), which Node.js cannot do by itself: a step gathers
 * its rows from all over hundreds of megabytes, and with small pages most of the time goes into translating their addresses. They count
 * from a process' start, and mean nothing to other C libraries.
 *
 * @param environment of the process; what it says of the same setting stands
 * @see https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html
 */
export function largePages(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const own = environment.GLIBC_TUNABLES ?? '';
  if (own.includes(tunable)) return {};
  return { GLIBC_TUNABLES: own === '' ? `${tunable}=1` : `${own}:${tunable}=1` };
}
