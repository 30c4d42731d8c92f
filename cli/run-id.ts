import { randomBytes } from 'node:crypto';

const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';

/**
 * A short id that sorts by time: `20261123-214500-x7k2`, in UTC.
 *
 * @param random four bytes that tell runs of the same second apart
 */
export function newRunId(now: Date = new Date(), random: Uint8Array = randomBytes(4)): string {
  const [date, time] = now.toISOString().replace(/[-:]/g, '').split('T');
  const suffix = [...random].map((byte) => alphabet[byte % alphabet.length]).join('');
  return `${date}-${time.slice(0, 6)}-${suffix}`;
}
