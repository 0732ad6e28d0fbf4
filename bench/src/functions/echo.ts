/** The handler that is measured on both sides: parse a JSON body, answer it. */
export function handler(event: { readonly body: string }): object {
  return { ok: true, you: JSON.parse(event.body) as unknown };
}
