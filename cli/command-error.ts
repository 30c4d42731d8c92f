/** Exit codes of the command; `interrupted` is what a shell reports of a program that Ctrl-C ended. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** An error for the person at the keyboard: one paragraph that says what happened and what to do next. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitCode: number = exitCodes.failed,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CommandError';
  }
}

/** A `CommandError` for a command that was called in a way that it cannot understand. */
export function usageError(message: string): CommandError {
  return new CommandError(message, exitCodes.usage);
}
