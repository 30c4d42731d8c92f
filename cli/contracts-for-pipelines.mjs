const sources = new URL('../contracts/', import.meta.url).href;
const compiled = new URL('../build/js/contracts/', import.meta.url).href;

/**
 * A hook of Node's module loader, behind the one that finds TypeScript: what a pipeline imports of Anneal's contracts it gets as this
 * process has it already, instead of sixty modules that are compiled once more.
 */
export async function resolve(specifier, context, next) {
  const resolved = await next(specifier, context);
  if (!resolved.url.startsWith(sources) || !resolved.url.endsWith('.ts')) return resolved;
  return { url: `${compiled}${resolved.url.slice(sources.length, -'.ts'.length)}.js`, format: 'module', shortCircuit: true };
}
