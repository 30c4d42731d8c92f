import { existsSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, dirname } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { messageOf, moduleFailure } from './module-failure.js';
import { tfjsSpecifiers } from './tfjs-specifiers.js';

/** A definition of a model is code, not weights. */
const mostBytes = 1024 * 1024;

/**
 * Bundle a model's file with what it imports into one ES module; TensorFlow.js stays outside.
 *
 * Deterministic: equal files give equal bytes, wherever they lie. Nothing of it is run.
 *
 * @param module as the pipeline names it, for messages
 * @param path absolute
 * @throws AnnealError `InvalidModel` when the file is missing, cannot be read as TypeScript, imports what a model may not, has no
 *   default export, or makes a bundle above 1 MiB
 */
export async function bundleModule(module: string, path: string): Promise<Uint8Array> {
  if (!existsSync(path)) throw moduleFailure(module, `is not there: ${path} does not exist`, "Paths are relative to the pipeline's file.");
  const folder = dirname(path);
  let result;
  try {
    result = await build({
      entryPoints: [path],
      absWorkingDir: folder,
      outfile: `${basename(path)}.mjs`,
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      target: 'node20',
      legalComments: 'none',
      // Errors are told by their places in the files that were bundled.
      sourcemap: 'inline',
      sourcesContent: false,
      logLevel: 'silent',
      // Settings of whatever project the file lies in must not change the bytes.
      tsconfigRaw: {},
      plugins: [allowedImports],
    });
  } catch (error) {
    const [first] = (error as { errors?: { text: string; location?: { file: string; line: number } | null }[] }).errors ?? [];
    const place = first?.location ? ` (${first.location.file}:${first.location.line})` : '';
    throw moduleFailure(module, `could not be bundled: ${first?.text ?? messageOf(error)}${place}`, 'Correct it and try again.', error);
  }
  const [{ exports }] = Object.values(result.metafile.outputs);
  if (!exports.includes('default'))
    throw moduleFailure(module, 'has no default export', 'Let it export a function: export default function (context) { … }.');
  const [{ contents }] = result.outputFiles;
  const sizeBytes = Buffer.from(contents).lastIndexOf('//# sourceMappingURL=');
  if (sizeBytes > mostBytes)
    throw moduleFailure(
      module,
      `makes a bundle of ${sizeBytes} bytes with what it imports`,
      `Expected at most ${mostBytes}: import less, and let data come through the pipeline.`,
    );
  return contents;
}

const allowedImports: Plugin = {
  name: 'allowed-imports',
  setup(bundler) {
    bundler.onResolve({ filter: /^@tensorflow\// }, ({ path }) => {
      if (path === '@tensorflow/tfjs') return { path, namespace: 'union' };
      const specifier = (tfjsSpecifiers as Readonly<Record<string, string>>)[path];
      if (specifier) return { path: specifier, external: true };
      return { errors: [{ text: `it imports "${path}"; a model needs @tensorflow/tfjs-core and @tensorflow/tfjs-layers alone` }] };
    });
    bundler.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind !== 'entry-point' && isBuiltin(path)
        ? { errors: [{ text: `it imports "${path}" of Node.js; a model is a function of what it is given` }] }
        : undefined,
    );
    // The package of that name is the two, with backends that a training brings itself.
    bundler.onLoad({ filter: /.*/, namespace: 'union' }, () => ({
      contents: Object.keys(tfjsSpecifiers)
        .map((name) => `export * from ${JSON.stringify(name)};`)
        .join('\n'),
      resolveDir: '/',
    }));
  },
};
