import { filterString } from 'mlflow-ts-client';
import colors from 'picocolors';
import type { ProcessPlaces } from '../contracts/serving-places.js';
import type { ServingState } from '../contracts/serving.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import type { Settings } from '../workers/settings.js';
import type { HostAccess } from './predict/host-client.js';
import { printJson, printLine, table } from './output.js';
import { servingProblem, servingStateIfAny } from './promote.js';
import { askRegistry } from './registry.js';
import { commandSettings } from './settings.js';
import { hostPlaces, placesHead, placesRows } from './stack/host-places.js';
import { inferenceUrl } from './stack/inference-url.js';
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
    readonly hosts: readonly {
      readonly hostId: string;
      readonly version?: string;
      /** Where the host executes the model's versions, by serving process; absent where it cannot be asked. */
      readonly executors?: readonly ProcessPlaces[];
    }[];
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
        return { ...model, serving: await servingSummary(state, settings), ...(problem === undefined ? {} : { problem }) };
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
  const places = summaries.flatMap(({ serving }) => placesOf(serving));
  if (places.length > 0) for (const line of ['', ...table([...placesHead, 'HOST'], places)]) printLine(line);
  for (const { problem } of summaries) if (problem !== undefined) printLine(colors.yellow(`! ${problem}`));
}

async function servingSummary({ model, champion, epoch, hosts }: ServingState, settings: Settings): Promise<ModelSummary['serving']> {
  const summaries = hosts.map(async ({ hostId, version, url }) => {
    const processes = await hostPlaces(url, accessOf(url, settings));
    const executors = processes?.map(({ pid, versions }) => ({ pid, versions: versions.filter((place) => place.model === model) }));
    return { hostId, version, ...(executors ? { executors } : {}) };
  });
  return { version: champion?.version, epoch, hosts: await Promise.all(summaries) };
}

/** The token is for the host of the settings; others register themselves, and are not shown it. */
function accessOf(url: string, settings: Settings): HostAccess {
  const { token, ...others } = settings.inference;
  return new URL(url).host === new URL(inferenceUrl(settings)).host ? { ...others, token } : others;
}

function placesOf(serving: ModelSummary['serving']): string[][] {
  return serving?.hosts.flatMap(({ hostId, executors = [] }) => placesRows(executors).map((row) => [...row, hostId])) ?? [];
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
