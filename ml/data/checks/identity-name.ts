/** Names of columns whose numbers say which one rather than how much: of a row, a record, a key. */
export const identityName = /(^|[_\s-])(id|uuid|guid|key|index|rowid|row_?number)$|^unnamed(:| )?\s*\d*$|[a-z]Id$/i;

/** Names of things and people, which are numbered where they are integers. */
const thingName =
  /(^|[_\s-])(customer|client|patient|user|subject|person|household|member|student|employee|driver|account|session|machine|device|sensor|store|shop|product|item|sku|article|vehicle|station|merchant|seller|vendor|supplier|branch|plant)([_\s-]?(no|nr|num|number|code))?$/i;

/** Whether integers in a column so called are names: `customer`, `machine`, `store_nr`, `user_id`. Pure. */
export function namesThings(column: string): boolean {
  return identityName.test(column) || thingName.test(column);
}
