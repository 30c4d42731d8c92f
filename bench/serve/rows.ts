const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** 256 codes of airports. */
export const airports: readonly string[] = Array.from({ length: 256 }, (_, i) => `${letters[i >> 4]}${letters[i & 15]}X`);

export type Row = Readonly<Record<'origin' | 'destination', string>> & { readonly distance: number; readonly date: number };

/** Rows that repeat from run to run. */
export function benchRows(count: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    origin: airports[(i * 37) % airports.length],
    destination: airports[(i * 101 + 7) % airports.length],
    distance: 100 + ((i * 613) % 2400),
    date: Date.UTC(2001, 0, 1) + ((i * 7_919_000) % (180 * 86_400_000)),
  }));
}
