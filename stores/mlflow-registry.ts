import { collect, filterString, isMlflowError, type MlflowClient, type ModelVersion, type Run } from 'mlflow-ts-client';
import { figure } from '../contracts/figure.js';
import type { RegisterInput } from '../contracts/activities.js';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import { parsePipelineWorkflowId } from '../contracts/ids.js';
import type { GoldenOutputs, ModelBundle, ModelManifest } from '../contracts/model.js';
import type { PipelineSpec } from '../contracts/pipeline.js';
import type { ServedVersion } from '../contracts/serving.js';
import { canonicalJson } from '../contracts/canonical-json.js';
import { modelDirectoryFiles } from './mlflow-model-directory.js';
import { challengerAlias, fitted, tagNames, underHeading } from './mlflow-names.js';
import { type MlflowTracking, toMetrics } from './mlflow-tracking.js';

/**
 * Models as MLflow registers them: a registered model a pipeline, a version a promoted or promotable run.
 *
 * A version's tags carry the references of its bundle, so that serving needs nothing of MLflow but the tags.
 */
export class MlflowRegistry {
  constructor(
    private readonly client: MlflowClient,
    private readonly store: ArtifactStore,
    private readonly tracking: MlflowTracking,
  ) {}

  /**
   * Upload the model directory and the evaluation report, create the version, point `challenger` at it.
   *
   * Safe to repeat at any point: a version of the same run with the same model is found and returned.
   *
   * @throws AnnealError `ArtifactCorrupt` when a part of the bundle is damaged
   */
  async register(input: RegisterInput): Promise<ServedVersion> {
    const { spec, tracked, bundle } = input;
    const run = await this.client.runs.get(tracked.runId);
    await this.#logResults(run, input);
    await this.#ensureModel(spec);
    const version = (await this.#versionOf(run, spec.name, bundle)).same ?? (await this.#createVersion(run, input));
    await this.client.models.setAlias(spec.name, challengerAlias, version.version);
    return toServedVersion(version, bundle);
  }

  /**
   * @param version number of a version, or an alias
   * @throws AnnealError `UnknownModelVersion`
   */
  async resolve(model: string, version: string): Promise<ServedVersion> {
    const isNumber = /^\d+$/.test(version);
    const found = isNumber ? await this.client.versions.get(model, version) : await this.client.models.getVersionByAlias(model, version);
    if (!found) {
      throw unknownVersion(
        `Model "${model}" has no version${isNumber ? '' : ' with the alias'} "${version}" in the registry at ${this.client.address}. \`anneal models\` lists what there is.`,
      );
    }
    const bundle = parseBundle(found.tags[tagNames.bundle]);
    if (bundle) return toServedVersion(found, bundle);
    throw unknownVersion(
      `Version ${found.version} of model "${model}" was not registered by Anneal: it has no usable tag "${tagNames.bundle}". Promote a version that a pipeline run registered; \`anneal models\` lists them.`,
    );
  }

  /** @throws AnnealError `UnknownModelVersion` */
  async setAlias(model: string, alias: string, version: string): Promise<void> {
    try {
      await this.client.models.setAlias(model, alias, version);
    } catch (error) {
      if (!isMlflowError(error, 'RESOURCE_DOES_NOT_EXIST')) throw error;
      throw unknownVersion(
        `The alias "${alias}" cannot point at version ${version} of model "${model}": ${error.message} \`anneal models\` lists what there is.`,
      );
    }
  }

  async #logResults(run: Run, { spec, training, curve = training.history, evaluation, parameters }: RegisterInput): Promise<void> {
    const { summary } = evaluation;
    const final = {
      ...underHeading('test', summary.metrics),
      ...underHeading('baseline', summary.baseline),
      ...underHeading('champion', summary.champion?.metrics ?? {}),
      ...underHeading('validation', training.validation),
      ...underHeading('training', {
        rowsPerSecond: training.rowsPerSecond,
        seconds: training.durationMs / 1000,
        parameters: training.parameters,
      }),
      ...(summary.threshold !== undefined && { threshold: summary.threshold }),
    };
    // The figures of a run are for MLflow those of the highest step, and a trial that is kept had fewer than the curve.
    const step = Math.max(training.step, curve.at(-1)?.step ?? 0);
    await this.tracking.logParameters(run, {
      model: spec.model,
      training: spec.training,
      ...(spec.sweep && { sweep: { chosen: Object.keys(parameters) } }),
    });
    await this.client.runs.logBatch(run.runId, {
      metrics: toMetrics([...curve, { step, metrics: final }], run.startTimeMs),
      tags: {
        [tagNames.engine]: fitted(`${training.engine.name}: ${training.engine.reason}`, 'tag'),
        [tagNames.primaryMetric]: summary.primaryMetric,
        [tagNames.parametersDigest]: training.parametersDigest,
        ...(training.digest !== undefined && { [tagNames.trainingDigest]: training.digest }),
        ...(training.codeVersion !== undefined && { [tagNames.codeVersion]: training.codeVersion }),
      },
    });
    await this.client.artifacts.uploadBytes(run.artifactUri, 'reports/evaluation.json', await this.store.readBytes(evaluation.report));
  }

  async #ensureModel(spec: PipelineSpec): Promise<void> {
    if (await this.client.models.get(spec.name)) return;
    try {
      await this.client.models.create({ name: spec.name, description: spec.description, tags: { [tagNames.pipeline]: spec.name } });
    } catch (error) {
      if (!isMlflowError(error, 'RESOURCE_ALREADY_EXISTS')) throw error;
    }
  }

  async #versionOf(run: Run, model: string, bundle: ModelBundle): Promise<{ readonly same?: ModelVersion; readonly others: number }> {
    const filter = `name = ${filterString(model)} and run_id = ${filterString(run.runId)}`;
    const versions = (await collect(this.client.versions.search({ filter }))).toSorted((a, b) => Number(a.version) - Number(b.version));
    const same = versions.find((version) => version.tags[tagNames.modelDigest] === bundle.model.sha256);
    return { same, others: versions.length };
  }

  async #createVersion(run: Run, input: RegisterInput): Promise<ModelVersion> {
    const { spec, bundle, dataDigest, dataOverride, workflowId, startedAtMs } = input;
    const { summary } = input.evaluation;
    // A run that was reset may end in another model; the files of the first version stay as they are.
    const { others } = await this.#versionOf(run, spec.name, bundle);
    const directory = others === 0 ? 'model' : `model-${bundle.model.sha256.slice(0, 12)}`;
    await this.#uploadModel(run, directory, bundle);
    const value = summary.metrics[summary.primaryMetric];
    const created = await this.client.versions.create({
      name: spec.name,
      source: `${run.artifactUri}/${directory}`,
      runId: run.runId,
      description: `${summary.primaryMetric} ${figure(value)} on ${summary.rows} test rows; made by [${workflowId}](${run.tags[tagNames.temporalUrl] ?? ''}).`,
      tags: {
        [tagNames.bundle]: canonicalJson(bundle),
        [tagNames.modelDigest]: bundle.model.sha256,
        [tagNames.dataDigest]: dataDigest,
        ...(dataOverride !== undefined && { [tagNames.dataOverride]: fitted(dataOverride, 'tag') }),
        [tagNames.workflowId]: workflowId,
        [tagNames.runStartedAt]: String(startedAtMs),
        [tagNames.primaryMetric]: summary.primaryMetric,
        ...(value !== undefined && { [tagNames.primaryMetricValue]: String(value) }),
      },
    });
    // As with runs: two attempts at the same time agree on the older version.
    const { same } = await this.#versionOf(run, spec.name, bundle);
    if (!same || same.version === created.version) return created;
    await this.client.versions.delete(spec.name, created.version);
    return same;
  }

  async #uploadModel(run: Run, directory: string, bundle: ModelBundle): Promise<void> {
    const [manifest, golden, modelPath] = await Promise.all([
      this.store.readJson<ModelManifest>(bundle.manifest),
      this.store.readJson<GoldenOutputs>(bundle.golden),
      this.store.localPath(bundle.model),
    ]);
    const files = modelDirectoryFiles({
      manifest,
      golden,
      digest: bundle.model.sha256,
      mlflowRunId: run.runId,
      createdAt: new Date(run.startTimeMs),
    });
    await this.client.artifacts.uploadFile(run.artifactUri, `${directory}/model.onnx`, modelPath);
    await Promise.all(
      [...files].map(([path, content]) => this.client.artifacts.uploadBytes(run.artifactUri, `${directory}/${path}`, content)),
    );
  }
}

function toServedVersion(version: ModelVersion, bundle: ModelBundle): ServedVersion {
  const workflowId = version.tags[tagNames.workflowId];
  const startedAtMs = Number(version.tags[tagNames.runStartedAt]);
  return {
    version: version.version,
    bundle,
    ...(workflowId && { pipelineRun: parsePipelineWorkflowId(workflowId)?.run ?? workflowId }),
    ...(startedAtMs > 0 && { runStartedAtMs: startedAtMs }),
    ...(version.runId && { mlflowRunId: version.runId }),
  };
}

function parseBundle(tag: string | undefined): ModelBundle | undefined {
  try {
    const value = JSON.parse(tag ?? '') as Partial<ModelBundle>;
    const { model, manifest, golden } = value;
    const complete = [model, manifest, golden].every(
      (ref) => typeof ref?.sha256 === 'string' && typeof ref.uri === 'string' && typeof ref.sizeBytes === 'number',
    );
    return complete ? (value as ModelBundle) : undefined;
  } catch {
    return undefined;
  }
}

function unknownVersion(message: string): AnnealError {
  return new AnnealError(failureTypes.unknownModelVersion, message);
}
