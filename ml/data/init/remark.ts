/** A choice that the author of a pipeline should read: why something is as it is, by its path in the definition. */
export type Remarks = Map<string, string>;

/** `12 %`, `0.3 %` */
export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}
