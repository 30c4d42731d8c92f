import { misspeltVariables, readSettings, type Settings } from '../workers/settings.js';
import { CommandError, exitCodes } from './command-error.js';
import { printNote } from './output.js';
import { stackCondition } from './stack/stack-state.js';

/**
 * Settings of a command: the environment's, and for what it does not say those of the stack that runs in this home,
 * so that a second terminal finds a stack that was started on other ports.
 *
 * Spans that cannot be sent to where the variables say stop the commands that send some; others say so, and do what they are for.
 *
 * @throws CommandError that names the variable that cannot be used
 */
export function commandSettings(
  env: NodeJS.ProcessEnv = process.env,
  { sendsSpans = false }: { readonly sendsSpans?: boolean } = {},
): Settings {
  let settings: Settings;
  try {
    settings = readSettings(env, sendsSpans ? undefined : tellOnce);
  } catch (error) {
    told.add((error as Error).message);
    throw new CommandError((error as Error).message, exitCodes.usage, { cause: error });
  }
  tellMisspelt(env);
  const stack = stackCondition(settings.home);
  if (stack.kind !== 'running') return settings;
  const running = stack.state.settings;
  const said = (...names: string[]) => names.some((name) => env[name] !== undefined && env[name] !== '');
  return {
    ...settings,
    ports: { ...running.ports, ...(said('ANNEAL_HTTP_PORT') ? { http: settings.ports.http } : {}) },
    httpHost: said('ANNEAL_HTTP_HOST') ? settings.httpHost : running.httpHost,
    inference: {
      ...settings.inference,
      isSecure: said('ANNEAL_TLS_CERT') ? settings.inference.isSecure : stack.state.httpUrl.startsWith('https:'),
    },
    temporal: said('TEMPORAL_ADDRESS', 'ANNEAL_TEMPORAL_PORT') ? settings.temporal : running.temporal,
    artifacts: said('ANNEAL_ARTIFACTS') ? settings.artifacts : running.artifacts,
    artifactStore: said('ANNEAL_ARTIFACT_STORE') ? settings.artifactStore : running.artifactStore,
    s3: said('ANNEAL_ARTIFACT_STORE', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL') ? settings.s3 : running.s3,
    mlflow: said('MLFLOW_TRACKING_URI', 'ANNEAL_MLFLOW_PORT') ? settings.mlflow : { ...running.mlflow, auth: settings.mlflow.auth },
  };
}

const told = new Set<string>();

function tellOnce({ message }: Error): void {
  if (told.has(message)) return;
  told.add(message);
  printNote(`${message} This command sends no spans, and goes on.`);
}

function tellMisspelt(env: NodeJS.ProcessEnv): void {
  for (const { name, meant } of misspeltVariables(env)) {
    if (told.has(name)) continue;
    told.add(name);
    printNote(`The environment variable ${name} means nothing to Anneal. Did you mean ${meant}?`);
  }
}
