import { AnnealError } from '../../contracts/failures.js';
import type { PreparedVersion } from './prepared-version.js';
import type { CommandName, ServingCommands } from '../process-messages.js';
import type { VersionFiles } from './prepare-version.js';

/** Sends a command to every serving process of a host; resolves when all of them have done it. */
export type Broadcast = <K extends CommandName>(command: K, input: ServingCommands[K]['input']) => Promise<unknown>;

/**
 * Prepare a version, and open it in every serving process. Nothing routes requests to it yet. Safe to repeat.
 *
 * @throws AnnealError `LoadFailed` that names the version; the processes are told that the model does not come
 */
export async function stageVersion(
  prepare: (files: VersionFiles) => Promise<PreparedVersion>,
  broadcast: Broadcast,
  { model, version, files }: { readonly model: string; readonly version: string; readonly files: VersionFiles },
): Promise<PreparedVersion> {
  try {
    const prepared = await prepare(files);
    await broadcast('stage', { model, version, prepared });
    return prepared;
  } catch (error) {
    await broadcast('refused', { model });
    if (!(error instanceof AnnealError)) throw error;
    throw new AnnealError(error.type, `Version ${version} of ${model} was not loaded. ${error.message}`, error.details, { cause: error });
  }
}
