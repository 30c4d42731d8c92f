import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot } from './setup.mjs';
import { lastLines, runCommand } from './setup/command.mjs';
import { ensureNodeModules } from './setup/node-modules.mjs';
import { ensurePythonEnvironment } from './setup/python.mjs';
import { SetupError } from './setup/setup-error.mjs';

/**
 * Build the native binding of `@tensorflow/tfjs-node-gpu` against the TensorFlow of today's PyPI wheel: the package's own installer
 * would fetch a libtensorflow of 2021. The binding is plain C++ on TensorFlow's C API, whose headers and library the wheel carries.
 *
 * Safe to repeat; the binding is put in its place last and whole.
 */
const usage = `Usage: npm run build:tfjs-native [-- --gpu]

Builds the optional training engine "tfjs-node-gpu". Needs g++, and Node.js with its headers.
  --gpu   TensorFlow with CUDA instead of the one for CPUs (several GB)
`;

const tensorflowVersion = '2.21.0';
const nativePackage = '@tensorflow/tfjs-node-gpu';
const bindingFlags = ['-std=c++17', '-O2', '-fPIC', '-shared', '-w', '-DNAPI_VERSION=8'];
const say = (line) => console.log(line);

/** @returns {Promise<string>} the C++ compiler */
async function findCompiler() {
  for (const program of [process.env.CXX, 'g++', 'clang++'].filter(Boolean)) {
    if ((await runCommand(program, ['--version'])).code === 0) return program;
  }
  throw new SetupError(
    'The native binding of tfjs-node-gpu is compiled on this machine, and there is no C++ compiler: neither $CXX nor g++ nor clang++ can be started. Install one (Debian and Ubuntu: "apt-get install g++"; Fedora: "dnf install gcc-c++") and run "npm run build:tfjs-native" again. Training works without it: engine "auto" is faster on a CPU.',
  );
}

/** @returns {string} folder of `node_api.h` */
function findNodeHeaders() {
  const roots = [dirname(dirname(process.execPath)), process.env.npm_config_nodedir, process.env.npm_config_prefix].filter(Boolean);
  const folder = roots.map((root) => join(root, 'include', 'node')).find((path) => existsSync(join(path, 'node_api.h')));
  if (folder) return folder;
  throw new SetupError(
    `The native binding of tfjs-node-gpu needs Node.js' own C headers (node_api.h), and there are none beside ${process.execPath}. Install Node.js from its official archive, which holds them, or your system's package of headers (Debian and Ubuntu: "apt-get install libnode-dev"), or set npm_config_nodedir to a folder with include/node, and run "npm run build:tfjs-native" again.`,
  );
}

/** @returns {string} root of the npm package */
function findNativePackage() {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${nativePackage}/package.json`));
  } catch {
    throw new SetupError(
      `The npm package ${nativePackage} is not installed: it is an optional dependency, and npm was told to leave those out. Run "npm ci --include=optional", then "npm run build:tfjs-native" again.`,
    );
  }
}

/**
 * The wheel lies in a folder of its own: only its headers and libraries are needed, TensorFlow's Python dependencies must not replace
 * those of MLflow's server, and `.venv` is made anew whenever its pins change.
 *
 * @param {boolean} gpu
 * @returns {Promise<string>} the wheel's folder `tensorflow`
 */
async function ensureTensorflow(gpu) {
  const target = join(projectRoot, 'build', gpu ? 'tensorflow-cuda' : 'tensorflow-cpu', tensorflowVersion);
  const library = join(target, 'tensorflow', 'libtensorflow_cc.so.2');
  if (existsSync(library)) return dirname(library);
  say(`TensorFlow ${tensorflowVersion}${gpu ? ' with CUDA' : ''}: installing the wheel from the Python package index`);
  const what = gpu
    ? [`tensorflow[and-cuda]==${tensorflowVersion}`]
    : ['--no-deps', '--require-hashes', '-r', join(projectRoot, 'infra', 'python', 'tensorflow-cpu.txt')];
  const args = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--only-binary',
    ':all:',
    '--target',
    target,
    '--upgrade',
  ];
  const { code, output } = await runCommand(join(projectRoot, '.venv', 'bin', 'python'), [...args, ...what]);
  if (code === 0 && existsSync(library)) return dirname(library);
  throw new SetupError(
    `TensorFlow ${tensorflowVersion} could not be installed into ${relative(projectRoot, target)}. It needs Python 3.10 to 3.13 on Linux, ${gpu ? 6 : 2} GB of disk, and the package index that pip is configured with ("pip config list"). Put that right and run "npm run build:tfjs-native" again. pip said:\n${lastLines(output, 6)}`,
  );
}

/**
 * @param {{ compiler: string, headers: string, packageRoot: string, tensorflow: string }} parts
 * @returns {Promise<void>}
 */
async function compileBinding({ compiler, headers, packageRoot, tensorflow }) {
  const sources = readdirSync(join(packageRoot, 'binding')).filter((name) => name.endsWith('.cc'));
  const folder = join(packageRoot, 'lib', 'napi-v8');
  mkdirSync(folder, { recursive: true });
  const unfinished = join(folder, `tfjs_binding.${process.pid}.tmp`);
  say('tfjs_binding.node: compiling');
  const { code, output } = await runCommand(compiler, [
    ...bindingFlags,
    '-I',
    headers,
    '-I',
    join(tensorflow, 'include'),
    ...sources.map((name) => join(packageRoot, 'binding', name)),
    '-L',
    tensorflow,
    '-l:libtensorflow_cc.so.2',
    '-l:libtensorflow_framework.so.2',
    // Relative, so that the project can be moved.
    `-Wl,-rpath,$ORIGIN/${relative(folder, tensorflow)}`,
    '-o',
    unfinished,
  ]);
  if (code !== 0) {
    throw new SetupError(
      `${compiler} could not compile the binding of tfjs-node-gpu against TensorFlow ${tensorflowVersion}. A compiler with C++17 is needed (g++ 9 or newer). It said:\n${lastLines(output)}`,
    );
  }
  renameSync(unfinished, join(folder, 'tfjs_binding.node'));
}

/** Load the binding in a process of its own and let it compute something. */
async function verify() {
  const program = `
    const tf = require('${nativePackage}');
    const sum = tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).sum().dataSync()[0];
    if (sum !== 12) throw new Error('the product of two matrices of ones came out wrong: ' + sum);
    console.log('TENSORFLOW ' + tf.version['tfjs-node'] + ' ' + (tf.engine().backend.isUsingGpuDevice ? 'GPU' : 'CPU'));
  `;
  const { code, output } = await runCommand(process.execPath, ['-e', program], {
    cwd: projectRoot,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' },
  });
  const report = /^TENSORFLOW (\S+) (GPU|CPU)$/m.exec(output);
  if (code === 0 && report) return report[2];
  throw new SetupError(
    `The binding of tfjs-node-gpu was built, but does not work on this machine. If the message below names a missing library, install it (with --gpu: NVIDIA's driver); otherwise delete build/tensorflow-* and run "npm run build:tfjs-native" again. Node said:\n${lastLines(output)}`,
  );
}

/** @param {readonly string[]} args */
async function main(args) {
  if (args.includes('--help')) {
    process.stdout.write(usage);
    return;
  }
  const unknown = args.find((argument) => argument !== '--gpu');
  if (unknown !== undefined) throw new SetupError(`There is no option ${unknown}.\n${usage}`);
  if (process.platform !== 'linux')
    throw new SetupError(
      `The native binding of tfjs-node-gpu can be built on Linux, and this is ${process.platform}: TensorFlow's wheel carries its C library there only. Use engine "auto", or the GPU image.`,
    );
  const gpu = args.includes('--gpu');
  const [compiler, headers] = [await findCompiler(), findNodeHeaders()];
  await ensureNodeModules(projectRoot, say);
  const packageRoot = findNativePackage();
  await ensurePythonEnvironment(projectRoot, say);
  await compileBinding({ compiler, headers, packageRoot, tensorflow: await ensureTensorflow(gpu) });
  say(`tfjs-node-gpu is ready and computes on the ${await verify()}. Set training.engine to "tfjs-node-gpu" to use it.`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof SetupError ? `\n${error.message}` : error);
    process.exit(1);
  }
}
