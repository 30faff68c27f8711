/**
 * Text within HTML.
 *
 * Owns: the escaping, and that nothing gets into a page without it.
 * Must not know: what the pages show.
 */

/** Markup. Only `html` makes it, so every value in it was escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Markup from a template: values are escaped unless they are markup themselves; lists are joined. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | number | Markup | readonly Markup[])[]
): Markup {
  let text = '';
  for (const [index, part] of parts.entries()) {
    const value = values[index];
    text += part;
    if (value === undefined) continue;
    if (value instanceof Markup) text += value.text;
    else if (typeof value === 'object') text += value.map((each) => each.text).join('');
    else text += escapeHtml(String(value));
  }
  return new Markup(text);
}

/** For text between tags and within quoted attributes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
