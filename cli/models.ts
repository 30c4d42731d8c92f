import { filterString } from 'mlflow-ts-client';
import colors from 'picocolors';
import type { ServingState } from '../contracts/serving.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import type { Settings } from '../workers/settings.js';
import { printJson, printLine, table } from './output.js';
import { servingProblem, servingStateIfAny } from './promote.js';
import { askRegistry } from './registry.js';
import { commandSettings } from './settings.js';
import { withTemporal } from './temporal.js';

export interface ModelSummary {
  readonly model: string;
  /** Versions in the registry. */
  readonly versions: number;
  readonly newest?: string;
  /** By the registry's alias. */
  readonly champion?: string;
  readonly challenger?: string;
  /** What the model's lifecycle has the hosts serve; absent when it does not run. */
  readonly serving?: {
    readonly version?: string;
    readonly epoch: number;
    readonly hosts: readonly { readonly hostId: string; readonly version?: string }[];
  };
  /** What is to be mended although it serves: a fallback model that cannot answer for it. */
  readonly problem?: string;
}

/** `anneal models`: the registry's models, each with what serves. */
export async function models({ json }: { readonly json?: boolean }): Promise<void> {
  const settings = commandSettings();
  const registered = await readRegistry(settings);
  const store = await openArtifactStore(settings);
  const summaries = await withTemporal(settings, (client) =>
    Promise.all(
      registered.map(async (model): Promise<ModelSummary> => {
        const state = await servingStateIfAny(client, model.model);
        if (!state) return model;
        const problem = await servingProblem(client, store, state);
        return { ...model, serving: servingSummary(state), ...(problem === undefined ? {} : { problem }) };
      }),
    ),
  );
  if (json) return printJson({ models: summaries });
  if (summaries.length === 0) return printLine('No model is registered yet. "anneal run flight-delay --wait" makes one.');
  const rows = summaries.map(({ model, versions, newest, champion, challenger, serving }) => [
    model,
    String(versions),
    newest ?? '–',
    champion ?? '–',
    challenger ?? '–',
    serving?.version ?? '–',
    serving?.hosts
      .map(({ hostId, version }) => `${hostId}${version === serving.version ? '' : ` (version ${version ?? 'none'})`}`)
      .join(', ') ?? '',
  ]);
  for (const line of table(['MODEL', 'VERSIONS', 'NEWEST', 'CHAMPION', 'CHALLENGER', 'SERVING', 'HOSTS'], rows)) printLine(line);
  for (const { problem } of summaries) if (problem !== undefined) printLine(colors.yellow(`! ${problem}`));
}

function servingSummary({ champion, epoch, hosts }: ServingState): ModelSummary['serving'] {
  return { version: champion?.version, epoch, hosts: hosts.map(({ hostId, version }) => ({ hostId, version })) };
}

/** @throws CommandError when MLflow cannot be reached */
function readRegistry(settings: Settings): Promise<Omit<ModelSummary, 'serving'>[]> {
  return askRegistry(settings, async (client) => {
    const found: Omit<ModelSummary, 'serving'>[] = [];
    for await (const { name, aliases } of client.models.search()) {
      let versions = 0;
      let newest = 0;
      for await (const { version } of client.versions.search({ filter: `name = ${filterString(name)}` })) {
        versions++;
        newest = Math.max(newest, Number(version));
      }
      found.push({
        model: name,
        versions,
        ...(newest > 0 ? { newest: String(newest) } : {}),
        champion: aliases.champion,
        challenger: aliases.challenger,
      });
    }
    return found.sort((a, b) => a.model.localeCompare(b.model));
  });
}
