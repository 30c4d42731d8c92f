import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../../workers/settings.js';
import { isAlive, type ProcessIdentity } from './process-identity.js';

export interface ServiceState extends ProcessIdentity {
  readonly name: string;
  readonly state: 'starting' | 'ready' | 'restarting' | 'stopped';
  /** Times that it was started again after it had died. */
  readonly restarts: number;
}

/** Where the parts of a stack are. Others may read it, so it holds no credentials: each command has those of its own environment. */
export type StackSettings = Pick<Settings, 'artifacts' | 'artifactStore' | 's3' | 'ports' | 'httpHost' | 'temporal'> & {
  readonly mlflow: Omit<Settings['mlflow'], 'auth'>;
};

export function stackSettings({ artifacts, artifactStore, s3, ports, httpHost, temporal, mlflow }: Settings): StackSettings {
  const { trackingUri, uiUrl, external } = mlflow;
  return { artifacts, artifactStore, s3, ports, httpHost, temporal, mlflow: { trackingUri, uiUrl, external } };
}

/** What `<ANNEAL_HOME>/stack.json` says while a stack runs. */
export interface StackState {
  readonly formatVersion: 1;
  /** The process that keeps the others running. */
  readonly supervisor: ProcessIdentity;
  readonly detached: boolean;
  readonly startedAtMs: number;
  /** All parts are ready. */
  readonly ready: boolean;
  readonly services: readonly ServiceState[];
  readonly settings: StackSettings;
  /** Of the inference host. */
  readonly httpUrl: string;
  /** The same over gRPC, `host:port`; absent where it is not known. */
  readonly grpcAddress?: string;
}

export type StackCondition =
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly state: StackState }
  /** Its supervisor is gone, without having cleaned up. */
  | { readonly kind: 'stale'; readonly state: StackState }
  /** There is a file, but not one of this version of Anneal. */
  | { readonly kind: 'unreadable' };

export function stackStatePath(home: string): string {
  return join(home, 'stack.json');
}

export function stackCondition(home: string): StackCondition {
  let content: string;
  try {
    content = readFileSync(stackStatePath(home), 'utf8');
  } catch {
    return { kind: 'none' };
  }
  const state = parseState(content);
  if (!state) return { kind: 'unreadable' };
  return { kind: isAlive(state.supervisor) ? 'running' : 'stale', state };
}

function parseState(content: string): StackState | undefined {
  try {
    const state = JSON.parse(content) as Partial<StackState> | null;
    return state?.formatVersion === 1 && state.supervisor && state.settings && Array.isArray(state.services)
      ? (state as StackState)
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Become the stack of this home. Atomic: of two processes that try, one succeeds.
 *
 * @returns false when another one has it
 */
export function claimStackState(home: string, state: StackState): boolean {
  mkdirSync(home, { recursive: true });
  const complete = `${stackStatePath(home)}.${process.pid}`;
  writeFileSync(complete, serialize(state));
  try {
    // Unlike a rename, a link never takes another's place.
    linkSync(complete, stackStatePath(home));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(complete, { force: true });
  }
}

/** Atomic: a reader sees the old state or the new one. */
export function writeStackState(home: string, state: StackState): void {
  const temporary = `${stackStatePath(home)}.${process.pid}`;
  writeFileSync(temporary, serialize(state));
  renameSync(temporary, stackStatePath(home));
}

export function removeStackState(home: string): void {
  rmSync(stackStatePath(home), { force: true });
}

function serialize(state: StackState): string {
  return `${JSON.stringify(state, null, 2)}\n`;
}
