/** Markup that is safe to put into a page: made by `html`, which escapes whatever is put into it. */
export class Html {
  constructor(readonly markup: string) {}
}

type Content = Html | string | number | undefined | readonly Content[];

/** A template of markup; text and numbers in it are escaped, nested markup and lists of it are not, undefined is nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(compact(parts).reduce((markup, part, i) => markup + markupOf(values[i - 1]) + part));
}

const compacted = new WeakMap<TemplateStringsArray, readonly string[]>();

/** The lines and indentation of the source are not for the page. */
function compact(parts: TemplateStringsArray): readonly string[] {
  const known = compacted.get(parts);
  if (known) return known;
  const found = parts.map((part) => part.replaceAll(/>\s*\n\s*</g, '><').replaceAll(/\s*\n\s*/g, '\n'));
  compacted.set(parts, found);
  return found;
}

/** As many of them as fit, from the first. */
export function within(characters: number, items: readonly Html[]): readonly Html[] {
  let left = characters;
  const end = items.findIndex(({ markup }) => (left -= markup.length) < 0);
  return end < 0 ? items : items.slice(0, end);
}

function markupOf(value: Content): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.markup;
  if (Array.isArray(value)) return value.map(markupOf).join('');
  return escapeHtml(String(value as string | number));
}

/** For text between tags and in quoted attributes; characters that HTML cannot hold become U+FFFD. */
export function escapeHtml(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex -- those are what it is about
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g, '\ufffd')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll("'", '&#39;')
  );
}

/** Text of at most so many characters, the whole of it in a tooltip as far as that helps. */
export function shortText(text: string, longest = 60): Html {
  const characters = Array.from(text.slice(0, 4 * longest));
  if (characters.length <= longest && text.length <= 4 * longest) return html`${text}`;
  return html`<span title="${text.slice(0, 160)}">${characters.slice(0, longest - 1).join('')}…</span>`;
}
