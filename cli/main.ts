import { CommanderError } from 'commander';
import { exitCodes } from './command-error.js';
import { createProgram } from './program.js';
import { exitCodeOf, renderError } from './render-error.js';

/**
 * Run the command and set the exit code: 0 done, 1 failed, 2 wrong usage. Never throws.
 *
 * @param args what follows the command's name
 */
export async function main(args: readonly string[]): Promise<void> {
  const program = createProgram();
  // The reader of a pipe may have had enough, as in "anneal runs | head -1".
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(exitCodes.done);
  });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has already said what is wrong; asking for help or for the version is no mistake.
      process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
      return;
    }
    const { debug } = program.opts<{ debug?: boolean }>();
    process.stderr.write(`${renderError(error, await temporalAddress())}\n`);
    if (debug) process.stderr.write(`\n${error instanceof Error ? error.stack : String(error)}\n${causes(error)}`);
    process.exitCode = exitCodeOf(error);
  }
}

function causes(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? `caused by ${cause.stack}\n${causes(cause)}` : '';
}

/** Read for the message alone: asking for help needs no settings. */
async function temporalAddress(): Promise<string> {
  try {
    const { commandSettings } = await import('./settings.js');
    return commandSettings().temporal.address;
  } catch {
    return 'the address in TEMPORAL_ADDRESS';
  }
}
