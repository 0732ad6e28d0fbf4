/** Amounts, times and widths as people read them. */
import { stripVTControlCharacters } from "node:util";
import { failCommand } from "./errors.ts";

/** Characters that a terminal would obey instead of show; tabs and line feeds stay. */
// oxlint-disable-next-line no-control-regex -- these characters are what it is about
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** What others wrote, harmless on a terminal: control characters become visible. */
export function showable(text: string): string {
  return text.replaceAll(CONTROLS, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\x${code.toString(16).padStart(2, "0")}`;
  });
}

/** Columns that the text takes on a terminal; wide characters take two. */
export function widthOf(text: string): number {
  const shown = stripVTControlCharacters(text);
  if (PLAIN.test(shown)) return shown.length;
  return graphemesOf(shown).reduce((width, one) => width + (WIDE.test(one) ? 2 : 1), 0);
}

const PLAIN = /^[\x20-\x7e]*$/;

/** Made only where it is needed: the first one of a process takes tens of milliseconds. */
function graphemesOf(text: string): readonly string[] {
  return Array.from(new Intl.Segmenter("en").segment(text), ({ segment }) => segment);
}

/** East Asian wide and full-width blocks, and emoji shown as pictures. Unicode UAX 11, roughly. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** Cuts to a width, with `…` where something is missing. Only for text without colours. */
export function cutTo(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let cut = "";
  let width = 1;
  for (const grapheme of graphemesOf(text)) {
    width += widthOf(grapheme);
    if (width > columns) break;
    cut += grapheme;
  }
  return `${cut}…`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `0 B`, `1.5 KiB`, `12 MiB`. */
export function bytesText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** power;
  const digits = power > 0 && amount < 10 ? 1 : 0;
  return `${amount.toFixed(digits)} ${UNITS[power]}`;
}

/** `0.42 ms`, `12 ms`, `1.5 s`, `3 min`, `5.5 h`, `7 d`. */
export function durationText(ms: number): string {
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const hours = ms / 3_600_000;
  if (hours < 2) return `${Math.round(hours * 60)} min`;
  return hours < 48 ? `${Number(hours.toFixed(1))} h` : `${Number((hours / 24).toFixed(1))} d`;
}

/** How long ago a time was, in one unit: `5s`, `12m`, `3h`, `8d`. A time to come is `0s`. */
export function ageText(iso: string, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(iso)) / 1_000));
  if (Number.isNaN(seconds)) return "?";
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** `1 function`, `2 functions`. */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ...{ ms: 1, s: 1_000, m: 60_000 },
  ...{ h: 3_600_000, d: 86_400_000 },
};
const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]{5,18}(?:Z|[+-]\d\d:\d\d)$/;

interface Named {
  readonly command: string;
  readonly flag: string;
}

/** Milliseconds of `500ms`, `5s`, `10m`, `2h` or `3d`. Throws FLAG_VALUE_INVALID. */
export function readDuration(value: string, named: Named): number {
  const [, amount, unit = ""] = DURATION.exec(value) ?? [];
  if (amount !== undefined) return Math.round(Number(amount) * (UNIT_MS[unit] ?? 0));
  throw failCommand("FLAG_VALUE_INVALID", {
    ...named,
    value,
    why: "write 500ms, 5s, 10m, 2h or 3d",
  });
}

/** A time, or so long ago, as ISO text. Throws FLAG_VALUE_INVALID. */
export function readTime(value: string, named: Named & { readonly nowMs: number }): string {
  if (DURATION.test(value)) {
    return new Date(named.nowMs - readDuration(value, named)).toISOString();
  }
  if (TIME.test(value) && !Number.isNaN(Date.parse(value))) return value;
  const why = "write a time such as 2026-11-21T16:00:00Z, or how long ago, such as 2h";
  throw failCommand("FLAG_VALUE_INVALID", { ...named, value, why });
}

const RATE = /^(\d{1,6}(?:\.\d{1,3})?)(?:\/s)?$/;
const RATE_MAX = 100_000;

/** So many a second; `10` and `10/s` are the same. Throws FLAG_VALUE_INVALID. */
export function readRate(value: string, named: Named): number {
  const rate = Number(RATE.exec(value)?.[1]);
  if (rate > 0 && rate <= RATE_MAX) return rate;
  const why = `write a number up to ${RATE_MAX}, such as 10/s`;
  throw failCommand("FLAG_VALUE_INVALID", { ...named, value, why });
}
