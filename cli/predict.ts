import type { PredictResult } from '../contracts/serving.js';
import { CommandError, usageError } from './command-error.js';
import { predictUrl } from './links.js';
import { printJson, printLine } from './output.js';
import { commandSettings } from './settings.js';

export type Instance = Readonly<Record<string, unknown>>;

export interface PredictOptions {
  readonly modelVersion?: string;
  readonly json?: boolean;
}

/** `anneal predict`: ask the inference host over HTTP. */
export async function predict(model: string, text: string, { modelVersion, json }: PredictOptions): Promise<void> {
  const instances = parseInstances(text === '-' ? await readStdin() : text);
  const url = predictUrl(commandSettings(), model);
  const answer = await requestPrediction(
    modelVersion ? url.replace(/:predict$/, `/versions/${encodeURIComponent(modelVersion)}:predict`) : url,
    instances,
  );
  if (json) printJson(answer);
  else for (const prediction of answer.predictions) printLine(predictionText(prediction));
}

/**
 * @param text one row as a JSON object, several as an array, or a whole request `{"instances": […]}`
 * @throws CommandError (usage)
 */
export function parseInstances(text: string): readonly Instance[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageError(
      `The rows are not valid JSON (${(error as Error).message}). Give an object by column name in single quotes, for example '{"origin":"SFO"}', an array of such objects, or - to read them from standard input.`,
    );
  }
  const isRow = (row: unknown): row is Instance => typeof row === 'object' && row !== null && !Array.isArray(row);
  const rows = isRow(value) ? (Array.isArray(value.instances) ? (value.instances as unknown[]) : [value]) : value;
  if (!Array.isArray(rows) || rows.length === 0 || !rows.every(isRow)) {
    throw usageError(
      'The rows must be one JSON object by column name, an array of such objects, or {"instances": [...]}, with at least one row.',
    );
  }
  return rows;
}

/**
 * @throws CommandError when the host cannot be reached or refuses the request
 */
export async function requestPrediction(url: string, instances: readonly Instance[]): Promise<PredictResult> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances }),
      signal: AbortSignal.timeout(30_000),
    });
  } catch (error) {
    throw new CommandError(
      `The inference host does not answer at ${new URL(url).origin}. "anneal status" shows whether it runs, "anneal up" starts it; ANNEAL_HTTP_PORT says where it is looked for.`,
      undefined,
      { cause: error },
    );
  }
  const body = await response.text();
  if (!response.ok) throw new CommandError(`The inference host refused the request (HTTP ${response.status}): ${errorText(body)}`);
  try {
    return JSON.parse(body) as PredictResult;
  } catch (error) {
    throw new CommandError(
      `What answers at ${new URL(url).origin} is no inference host: it sent something other than JSON. ANNEAL_HTTP_PORT says where the host is looked for, "anneal status" where it runs.`,
      undefined,
      { cause: error },
    );
  }
}

function errorText(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    return typeof error === 'string' ? error : body.trim();
  } catch {
    return body.trim();
  }
}

/** Classes whose probabilities are said. */
const shownClasses = 3;

/** `late (probability of on time 0.6915, of late 0.3085)`, the likeliest first; `12.4`; `12.4 (0.1: 3.2, 0.9: 30.5)`; the labels of a row, or `none` */
export function predictionText({ label = '', labels, probabilities, value, quantiles }: PredictResult['predictions'][number]): string {
  if (labels) {
    const there = Object.entries(labels).filter(([, is]) => is);
    return there.length === 0 ? 'none' : there.map(([name]) => `${name} (probability ${probabilities?.[name]?.toFixed(4)})`).join(', ');
  }
  const others = Object.entries(quantiles ?? {}).filter(([quantile]) => quantile !== '0.5');
  const spread = others.map(([quantile, at]) => `${quantile}: ${at}`).join(', ');
  if (value !== undefined) return `${value}${spread === '' ? '' : ` (${spread})`}`;
  const ranked = Object.entries(probabilities ?? {}).toSorted(([, a], [, b]) => b - a);
  if (ranked.length === 0) return label;
  const shown = ranked.slice(0, shownClasses).map(([name, share]) => `of ${name} ${share.toFixed(4)}`);
  return `${label} (probability ${shown.join(', ')}${ranked.length > shownClasses ? ', …' : ''})`.trim();
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
