/**
 * Keeps values of secrets out of texts that others read: lines of a function's log and messages of
 * its errors. A value is found in the forms that programs usually print: as it is, as JSON, in a
 * URL, in base64, and each long line of one that has several. Best effort, not a wall: code that
 * means to can print a secret in a form of its own, and what is shorter than `FORM_CHARS_MIN` is
 * left alone, since masking it would garble everything.
 */

/** Stands in place of a value. */
const MASK = "[secret]";
const FORM_CHARS_MIN = 6;
/** Lines of one value that are looked for by themselves, such as those of a PEM file. */
const LINES_MAX = 64;
const LINE_CHARS_MIN = 16;

/** The texts by which a value is recognised. `base64` encodes UTF-8. */
export function secretForms(value: string, base64: (text: string) => string): readonly string[] {
  const lines = value.split(/\r?\n/);
  const long = lines.filter((line) => line.length >= LINE_CHARS_MIN).slice(0, LINES_MAX);
  const wholes = [value, value.trim(), ...(lines.length > 1 ? long : [])];
  const forms = wholes.flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    base64(text).replace(/=+$/, ""),
  ]);
  return [...new Set(forms)].filter((form) => form.length >= FORM_CHARS_MIN);
}

/** Replaces every form in a text; undefined when there are none, so that nothing is spent. */
export function createMask(forms: readonly string[]): ((text: string) => string) | undefined {
  if (forms.length === 0) return undefined;
  // The longest first: a form may be part of another.
  const ordered = forms.toSorted((a, b) => b.length - a.length);
  return (text) => {
    let masked = text;
    for (const form of ordered) {
      if (masked.includes(form)) masked = masked.replaceAll(form, () => MASK);
    }
    return masked;
  };
}
