import type { ModelInput } from '../contracts/dataset.js';
import type { GoldenOutputs, ModelManifest } from '../contracts/model.js';
import { rowsToTensors } from '../ml/data/read/raw-tensors.js';

export interface ModelDirectoryInput {
  readonly manifest: ModelManifest;
  readonly golden: GoldenOutputs;
  /** sha256 of the ONNX file. */
  readonly digest: string;
  readonly mlflowRunId: string;
  readonly createdAt: Date;
}

/** numpy's names, as a tensor signature writes them; text travels as Python objects. */
const tensorTypes: Readonly<Record<ModelInput['type'], string>> = { string: 'object', int64: 'int64', float64: 'float64', uint8: 'uint8' };
/** What Python needs to load the model; the graph is opset 17, IR version 8. */
const requirements = ['mlflow>=3,<4', 'onnx>=1.17', 'onnxruntime>=1.20'] as const;
const pythonVersion = '3.11';
const exampleRows = 5;

/**
 * The text files of an MLflow model directory around `model.onnx`, so that `mlflow.onnx.load_model` and
 * `mlflow.pyfunc.load_model` take it, with a signature and an input example.
 *
 * The signature is one of tensors of shape [N, 1] (images [N, height, width, channels]), as the graph has them: with it `pyfunc`
 * turns the columns of a data frame into such tensors. A data frame cannot hold images: such a model takes a dictionary of
 * arrays, and has no input example.
 *
 * @returns content by path; the ONNX file itself is to be added as `model.onnx`
 */
export function modelDirectoryFiles(input: ModelDirectoryInput): ReadonlyMap<string, string> {
  const example = inputExample(input);
  const files = new Map<string, string>([
    ['MLmodel', mlmodel(input, example !== undefined)],
    ['anneal.json', json(input.manifest)],
    ['golden.json', json(input.golden)],
    ['requirements.txt', `${requirements.join('\n')}\n`],
    ['python_env.yaml', lines([`python: "${pythonVersion}"`, 'build_dependencies:', '- pip', 'dependencies:', '- -r requirements.txt'])],
    [
      'conda.yaml',
      lines([
        'name: mlflow-env',
        'channels:',
        '- conda-forge',
        'dependencies:',
        `- python=${pythonVersion}`,
        '- pip',
        '- pip:',
        ...requirements.map((requirement) => `  - ${JSON.stringify(requirement)}`),
      ]),
    ],
  ]);
  if (example) {
    files.set('input_example.json', json(example));
    files.set('serving_input_example.json', json({ dataframe_split: example }));
  }
  return files;
}

function mlmodel(input: ModelDirectoryInput, hasExample: boolean): string {
  const { inputs, outputs } = signature(input.manifest);
  return lines([
    'artifact_path: model',
    'flavors:',
    '  onnx:',
    '    code: null',
    '    data: model.onnx',
    '    providers:',
    '    - CPUExecutionProvider',
    '  python_function:',
    '    data: model.onnx',
    '    env:',
    '      conda: conda.yaml',
    '      virtualenv: python_env.yaml',
    '    loader_module: mlflow.onnx',
    'metadata:',
    `  anneal_model: ${JSON.stringify(input.manifest.name)}`,
    `  anneal_model_digest: "${input.digest}"`,
    `  anneal_data_digest: "${input.manifest.dataDigest}"`,
    `model_uuid: "${input.digest.slice(0, 32)}"`,
    `run_id: "${input.mlflowRunId}"`,
    ...(hasExample
      ? [
          'saved_input_example_info:',
          '  artifact_path: input_example.json',
          '  pandas_orient: split',
          '  serving_input_path: serving_input_example.json',
          '  type: dataframe',
        ]
      : []),
    'signature:',
    // In YAML, a text in single quotes doubles the single quotes in it.
    `  inputs: ${singleQuoted(JSON.stringify(inputs))}`,
    `  outputs: ${singleQuoted(JSON.stringify(outputs))}`,
    '  params: null',
    `utc_time_created: "${input.createdAt.toISOString().replace('T', ' ').replace('Z', '')}"`,
  ]);
}

function signature(manifest: ModelManifest): { readonly inputs: object[]; readonly outputs: object[] } {
  const tensor = (name: string, dtype: string, ...shape: number[]) => ({
    name,
    type: 'tensor',
    'tensor-spec': { dtype, shape: [-1, ...shape] },
  });
  return {
    inputs: manifest.inputs.map((input) =>
      input.type === 'uint8'
        ? tensor(input.name, tensorTypes.uint8, input.height, input.width, input.channels)
        : tensor(input.name, tensorTypes[input.type], 1),
    ),
    outputs: [
      ...(manifest.task === 'regression'
        ? [tensor('value', 'float32', 1), ...(manifest.quantiles ? [tensor('quantiles', 'float32', manifest.quantiles.length)] : [])]
        : [
            tensor('probabilities', 'float32', manifest.classes.length),
            manifest.task === 'multilabel' ? tensor('labels', 'int64', manifest.classes.length) : tensor('class_index', 'int64', 1),
          ]),
      ...(manifest.hasAnomaly ? [tensor('anomaly', 'float32', 1)] : []),
    ],
  };
}

/** The first golden rows without a missing value, which JSON could not carry into a tensor; undefined when there are none. */
function inputExample({ manifest, golden }: ModelDirectoryInput): { readonly columns: string[]; readonly data: unknown[][] } | undefined {
  if (manifest.layout.image) return undefined;
  const complete = golden.instances.filter((row) =>
    manifest.inputs.every(({ name }) => row[name] !== null && row[name] !== undefined && row[name] !== ''),
  );
  const rows = complete.slice(0, exampleRows);
  if (rows.length === 0) return undefined;
  const tensors = rowsToTensors(manifest.inputs, rows);
  const columns = manifest.inputs.map(({ name }) => name);
  return { columns, data: rows.map((_row, i) => columns.map((name) => plain(tensors[name].data[i]))) };
}

function plain(value: string | number | bigint): string | number {
  return typeof value === 'bigint' ? Number(value) : value;
}

function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
