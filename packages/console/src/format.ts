/** Numbers and times as people read them. */

/** Milliseconds, with as many digits as matter. */
export function msText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  if (ms >= 100) return `${Math.round(ms)} ms`;
  return ms >= 10 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(2)} ms`;
}

/** A longer time, in the two largest units that matter. */
export function spanText(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 1) return msText(ms);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A small amount of money keeps two digits that are not zero. */
export function moneyText(amount: number, currency: string): string {
  const digits = amount === 0 ? 2 : Math.min(12, Math.max(2, 1 - Math.floor(Math.log10(amount))));
  const text = amount.toLocaleString("en", {
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  });
  return currency === "USD" ? `$${text}` : `${text} ${currency}`;
}

export function countText(count: number): string {
  return count.toLocaleString("en");
}

/** Calls a second, from calls in a window. */
export function rateText(calls: number, windowMs: number): string {
  const rate = calls / (windowMs / 1_000);
  if (calls === 0) return "0/s";
  return rate >= 10 ? `${Math.round(rate)}/s` : `${rate.toFixed(rate >= 1 ? 1 : 2)}/s`;
}

/** The time of day, with milliseconds. */
export function clockText(iso: string): string {
  const at = new Date(iso);
  const two = (n: number): string => String(n).padStart(2, "0");
  const ms = String(at.getMilliseconds()).padStart(3, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}

/** Single quotes for a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
