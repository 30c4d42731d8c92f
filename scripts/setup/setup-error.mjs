/** Something that the person at the keyboard has to put right; the message says what. */
export class SetupError extends Error {
  name = 'SetupError';
}
