import { z } from 'zod';

/** A whole number, in digits; an empty text is no zero. */
export function whole(least: number, most: number) {
  return number(least, most, 'a whole number').refine(Number.isInteger, expected('a whole number', least, most));
}

/** Any number, in digits. */
export function number(least: number, most: number, what = 'a number') {
  const message = expected(what, least, most);
  return z
    .string()
    .regex(/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i, message)
    .transform(Number)
    .refine((value) => value >= least && value <= most, message);
}

function expected(what: string, least: number, most: number): string {
  return `expected ${what} from ${least} to ${most}`;
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, `expected one of ${values.join(', ')}`);
}

/** @param example what such an address looks like */
export function address(example: string) {
  return z.url({ protocol: /^https?$/, error: `expected an address such as ${example}` });
}
