import { readFileSync } from 'node:fs';
import type { PredictResult } from '../contracts/serving.js';
import type { Settings } from '../workers/settings.js';
import { flushSpans, inCommandSpan } from './command-tracing.js';
import { CommandError, usageError } from './command-error.js';
import { predictUrl } from './links.js';
import { printJson } from './output.js';
import { answeredRows, WholeAnswer } from './predict/answered-rows.js';
import { argumentRows, givenRows } from './predict/argument-rows.js';
import { type HostAccess, HostClient } from './predict/host-client.js';
import { type Chunk, inChunks, inOrder } from './predict/in-chunks.js';
import type { Instance } from './predict/instances.js';
import { type PredictionOutput, predictionOutputs, predictionWriter } from './predict/prediction-output.js';
import type { RowSource } from './predict/row-source.js';
import { commandSettings } from './settings.js';

export interface PredictOptions {
  readonly modelVersion?: string;
  readonly file?: string;
  readonly inputFormat?: string;
  readonly output?: string;
  readonly json?: boolean;
  /** Of the host. */
  readonly url?: string;
  readonly tokenFile?: string;
  /** Paths of PEM files. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * `anneal predict`: ask the inference host over HTTP for rows that are given, lie in a file, or come through a pipe.
 *
 * Rows go in pieces of a thousand, some at a time, and their predictions come in the order of the rows.
 */
export async function predict(model: string, text: string | undefined, options: PredictOptions): Promise<void> {
  const { modelVersion, output = 'text', json } = options;
  if (!predictionOutputs.includes(output as PredictionOutput))
    throw usageError(`"${output}" is not a way to write predictions. Give --output ${predictionOutputs.join('|')}.`);
  const settings = commandSettings(process.env, { sendsSpans: true });
  const { url: address } = options;
  if (address !== undefined && !/^https?:\/\/[^/]/.test(address))
    throw usageError(`"${address}" is not the address of a host. Write it as http://<host>:<port> or https://<host>:<port>.`);
  const client = new HostClient(accessOf(settings, options));
  const url = predictUrl(address === undefined ? settings : { ...settings, inference: { ...settings.inference, url: address } }, model);
  const target = modelVersion ? url.replace(/:predict$/, `/versions/${encodeURIComponent(modelVersion)}:predict`) : url;
  const source = await sourceOf(text, options, {
    scratchRoot: `${settings.home}/scratch`,
    textColumns: () => textColumns(client, url, model, modelVersion),
  });
  const ask = ({ rows, first }: Chunk) =>
    requestPrediction(client, target, rows).catch((error: unknown) => throwNaming(error, source, first));
  const writer = predictionWriter(output as PredictionOutput);
  const whole = new WholeAnswer();
  let isEmpty = true;
  try {
    await inCommandSpan(settings, 'anneal predict', { 'anneal.model.name': model }, async () => {
      for await (const answer of inOrder(inChunks(source.rows), ask)) {
        isEmpty = false;
        if (json) whole.add(answer);
        else writer.write(answeredRows(answer));
      }
    });
  } finally {
    await flushSpans();
  }
  if (isEmpty) throw usageError(`There are no rows in ${source.name}.`);
  if (json) printJson(whole.result());
  else writer.end();
}

async function sourceOf(
  text: string | undefined,
  { file, inputFormat }: PredictOptions,
  options: { readonly scratchRoot: string; readonly textColumns: () => Promise<ReadonlySet<string>> },
): Promise<RowSource> {
  const reading = { ...options, ...(inputFormat === undefined ? {} : { format: inputFormat }) };
  if (file !== undefined) {
    if (text !== undefined) throw usageError('Give the rows as an argument or by --file, not both.');
    const { rowsOfFile } = await import('./predict/row-source.js');
    return rowsOfFile(file, reading);
  }
  if (text !== undefined && text !== '-') return argumentRows(text);
  if (text === undefined && process.stdin.isTTY)
    throw usageError(`There are no rows. Give one as JSON ('{"origin":"SFO"}'), a file by --file, or pipe them into the command.`);
  const { pipedRows } = await import('./predict/row-source.js');
  return pipedRows(process.stdin, reading);
}

/** The host counts the rows of one request from 0, people those of the whole input from 1. */
function throwNaming(error: unknown, { name }: RowSource, first: number): never {
  if (!(error instanceof CommandError)) throw error;
  const place = name === givenRows ? '' : ` of ${name}`;
  const message = error.message.replace(/\bRow (\d+)\b/, (_, row: string) => `Row ${first + Number(row)}${place}`);
  throw new CommandError(message, error.exitCode, { cause: error });
}

/** The columns that a model reads as text, by the metadata of the Open Inference Protocol. */
async function textColumns(client: HostClient, url: string, model: string, version: string | undefined): Promise<ReadonlySet<string>> {
  const path = `/v2/models/${encodeURIComponent(model)}${version === undefined ? '' : `/versions/${encodeURIComponent(version)}`}`;
  const { inputs } = await client.ask<{ inputs: readonly { name: string; datatype: string }[] }>(new URL(path, url).href);
  return new Set(inputs.filter(({ datatype }) => datatype === 'BYTES').map(({ name }) => name));
}

/** @throws CommandError when the host cannot be reached or refuses the request */
export function requestPrediction(client: HostClient, url: string, instances: readonly Instance[]): Promise<PredictResult> {
  return client.ask(url, { instances });
}

/** What the flags say, else the environment. */
function accessOf({ inference }: Settings, { tokenFile, ca, cert, key }: PredictOptions): HostAccess {
  return {
    token: tokenFile === undefined ? inference.token : readToken(tokenFile),
    authority: ca ?? inference.authority,
    certificate: cert ?? inference.certificate,
    key: key ?? inference.key,
  };
}

function readToken(path: string): string {
  let token: string;
  try {
    token = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw usageError(`The file ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}. Correct the path or its permissions.`);
  }
  if (!/^[\x21-\x7e]+$/.test(token)) throw usageError(`The file ${path} holds no token: expected one line without spaces.`);
  return token;
}
