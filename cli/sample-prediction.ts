import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { GoldenOutputs } from '../contracts/model.js';
import type { PredictResult } from '../contracts/serving.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import type { Settings } from '../workers/settings.js';
import { CommandError } from './command-error.js';
import { predictUrl } from './links.js';
import { HostClient } from './predict/host-client.js';
import { requestPrediction } from './predict.js';
import { readServingState } from './promote.js';

const attempts = 20;

/**
 * Ask the inference host for the prediction of a real row: one of the rows that the exported model was tested with.
 *
 * @returns the shell command that asks the same, and the answer
 */
export async function samplePrediction(
  client: Client,
  settings: Settings,
  model: string,
): Promise<{ readonly command: string; readonly answer: PredictResult; readonly answerText: string }> {
  const { champion } = await readServingState(client, model);
  if (!champion) throw new CommandError(`The model "${model}" has no champion. "anneal promote ${model} <version>" makes a version serve.`);
  const store = await openArtifactStore(settings);
  const golden = await store.readJson<GoldenOutputs>(champion.bundle.golden);
  const instances = golden.instances.slice(0, 1);
  const url = predictUrl(settings, model);
  const host = new HostClient(settings.inference);
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await requestPrediction(host, url, instances);
      return { command: curlCommand(settings, url, instances), answer, answerText: JSON.stringify(answer) };
    } catch (error) {
      if (attempt === attempts) throw error;
      await sleep(250);
    }
  }
}

function curlCommand({ inference }: Settings, url: string, instances: readonly unknown[]): string {
  const body = JSON.stringify({ instances }).replaceAll("'", `'\\''`);
  const { token, authority, certificate, key } = inference;
  const shown = [
    // Not the token itself: what is printed is kept.
    ...(token === undefined ? [] : [`-H "authorization: Bearer $ANNEAL_INFERENCE_TOKEN"`]),
    ...(authority === undefined ? [] : [`--cacert ${authority}`]),
    ...(certificate === undefined ? [] : [`--cert ${certificate} --key ${key}`]),
  ].map((option) => `${option} `);
  return `curl -s ${shown.join('')}${url} -H 'content-type: application/json' -d '${body}'`;
}
