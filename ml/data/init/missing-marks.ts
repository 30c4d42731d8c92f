import { identifier, textLiteral } from '../sql-quoting.js';
import type { Writing } from './unusual-values.js';

/** A column in which words are found that commonly stand for a missing value. */
export interface MarkedColumn {
  readonly name: string;
  /** SQL of a value as text. */
  readonly text: string;
  /** The words as they are written. */
  readonly spellings: readonly string[];
  /** Other values, up to `countedOthers`; none that are worth a look in numbers and times. */
  readonly others: readonly string[];
  /** Texts, among which such a word may be a value; no word is one among numbers and times. */
  readonly isText: boolean;
  /** A query makes numbers or times of it, and NULL of everything else. */
  readonly isCast: boolean;
}

export interface MissingMarks {
  /** Words that are missing wherever they stand. */
  readonly markers: readonly string[];
  /** Columns in which a word is missing that is a value elsewhere. */
  readonly writings: readonly Writing[];
  readonly remarks: readonly string[];
}

export const countedOthers = 20;
/** So many codes of two letters are those of countries or states, where NA is Namibia. */
const fewCodes = 5;
const mostShown = 5;

/**
 * Tell which of the words that commonly stand for a missing value do so here: among numbers always, among texts unless it is
 * one of two values or a code like the others; a word that other columns have for missing is missing among texts too.
 *
 * Pure.
 *
 * @param isDelimited whether the source has `nullText`, which goes for all columns
 * @param target a sign that is one of two labels stays one, whatever it means elsewhere
 */
export function missingMarks(columns: readonly MarkedColumn[], isDelimited: boolean, target?: string): MissingMarks {
  const elsewhere = (spelling: string, name: string): boolean =>
    columns.some((other) => other.name !== name && other.spellings.includes(spelling) && isMissingFor(other));
  const inNumbers = (spelling: string): boolean => columns.some(({ isText, spellings }) => !isText && spellings.includes(spelling));
  const reasonToKeep = ({ name, isText, others }: MarkedColumn, spelling: string): string | undefined => {
    if (!isText || others.length === 0) return undefined;
    const isWord = /[a-z]/i.test(spelling);
    if (others.length === 1)
      return isWord && name.trim() !== target?.trim() && elsewhere(spelling, name) ? undefined : 'which has but one other value';
    if (spelling === 'NA' && isCodes(others) && !inNumbers(spelling)) return 'whose other values are codes of two letters (Namibia?)';
    return undefined;
  };
  const kept = new Map<string, { readonly name: string; readonly reason: string }[]>();
  const missing = new Map<string, MarkedColumn[]>();
  for (const column of columns)
    for (const spelling of column.spellings) {
      const reason = reasonToKeep(column, spelling);
      if (reason === undefined) missing.set(spelling, [...(missing.get(spelling) ?? []), column]);
      else kept.set(spelling, [...(kept.get(spelling) ?? []), { name: column.name, reason }]);
    }
  const markers = isDelimited ? [...missing.keys()].filter((spelling) => !kept.has(spelling)).sort() : [];
  const texts = columns.filter((column) => column.isText && column.spellings.some((spelling) => !isKeptIn(kept, spelling, column)));
  const words = [...new Set(texts.flatMap((column) => column.spellings.filter((spelling) => !isKeptIn(kept, spelling, column))))];
  return {
    markers,
    writings: columns.flatMap((column) => writingOf(column, markers, (spelling) => isKeptIn(kept, spelling, column))),
    remarks: [
      ...(texts.length > 0
        ? [
            `${quoted(words)} ${words.length === 1 ? 'is' : 'are'} missing among texts too (${quoted(texts.map(({ name }) => name))}); where it is a category, take it out of ${isDelimited ? 'nullText' : 'the query'}.`,
          ]
        : []),
      ...[...kept].flatMap(([spelling, places]) =>
        places.map(
          ({ name, reason }) =>
            `${JSON.stringify(spelling)} stays a value of ${JSON.stringify(name)}, ${reason}; where it is missing there, ${isDelimited ? 'name it in nullText' : 'turn it into NULL by a query'}.`,
        ),
      ),
    ],
  };
}

function isMissingFor({ isText, others }: MarkedColumn): boolean {
  return !isText || (others.length !== 1 && !isCodes(others));
}

function isCodes(others: readonly string[]): boolean {
  return others.length >= fewCodes && others.every((value) => /^[A-Z]{2}$/.test(value.trim()));
}

function isKeptIn(kept: ReadonlyMap<string, readonly { readonly name: string }[]>, spelling: string, { name }: MarkedColumn): boolean {
  return kept.get(spelling)?.some((place) => place.name === name) === true;
}

function writingOf(
  { name, text, spellings, isCast }: MarkedColumn,
  markers: readonly string[],
  isKept: (spelling: string) => boolean,
): Writing[] {
  const left = spellings.filter((spelling) => !markers.includes(spelling) && !isKept(spelling));
  if (isCast || left.length === 0) return [];
  return [
    {
      column: name,
      sql: `CASE WHEN ${text} IN (${left.map(textLiteral).join(', ')}) THEN NULL ELSE ${identifier(name)} END`,
      description: `${quoted(left)} where a value is missing`,
    },
  ];
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, mostShown).map((name) => JSON.stringify(name));
  return `${shown.join(', ')}${names.length > shown.length ? ` and ${names.length - shown.length} more` : ''}`;
}
