/** What a run answered, as the page shows it: as the command line prints it. */
import { isBytesType } from "@skerry/contracts";

/** JSON when it is, bytes as `{"base64": …}`, text otherwise. */
export function shownResult(bytes: Uint8Array, contentType: string | null): unknown {
  if (isBytesType(contentType)) return { base64: base64Of(bytes) };
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function base64Of(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
