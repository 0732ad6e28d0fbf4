/** Content codings that this cache makes, and which of them a client takes (RFC 9110, 12.5.3). */

/** The better ones first: of those that a client likes equally the first is chosen. */
export const CODINGS = ["br", "zstd", "gzip"] as const;
export type Coding = (typeof CODINGS)[number];

/** Shorter ones gain nothing, longer ones take too much work. */
const BYTES_MIN = 1 << 10;
const BYTES_MAX = 4 << 20;
const BROWSERS = "gzip, deflate, br, zstd";

/** Whether a body of this length may be encoded here; one of which it is not known may. */
export function isOfCodedLength(length: number | undefined): boolean {
  return length === undefined || (length >= BYTES_MIN && length <= BYTES_MAX);
}

/** What a request says of codings. */
interface AskedCoding {
  readonly acceptEncoding: string | undefined;
  readonly range: string | undefined;
  readonly directives: { readonly noTransform: boolean } | undefined;
}

/** The coding in which a client is to get a kept answer. A range is cut of the answer as it is. */
export function codingFor(
  kept: { readonly isEncodable: boolean; readonly body: Uint8Array },
  facts: AskedCoding,
): Coding | undefined {
  const { acceptEncoding, range, directives } = facts;
  if (!kept.isEncodable || acceptEncoding === undefined || range !== undefined) return undefined;
  if (!isOfCodedLength(kept.body.length)) return undefined;
  if (directives?.noTransform === true) return undefined;
  // What browsers say is one of a few texts, and need not be taken apart for each request.
  return acceptEncoding === BROWSERS ? "br" : codingsOf(acceptEncoding)[0];
}

/** Those that a client takes, the most liked first. */
export function codingsOf(accepted: string | undefined): readonly Coding[] {
  if (accepted === undefined || accepted === "") return [];
  const weights = weightsOf(accepted);
  const weightOf = (coding: Coding): number => weights.get(coding) ?? weights.get("*") ?? 0;
  return CODINGS.filter((coding) => weightOf(coding) > 0).toSorted(
    (a, b) => weightOf(b) - weightOf(a),
  );
}

/**
 * One text for lists that mean the same. It has codings that are not made here, too: an origin may
 * have chosen one of them.
 */
export function codingsText(accepted: string): string {
  const weights = weightsOf(accepted);
  const others = [...weights].filter(([name]) => !isMade(name)).toSorted(byText);
  const rest = others.map(([name, weight]) => (weight === 1 ? name : `${name};q=${weight}`));
  return [...codingsOf(accepted), ...rest.filter((one) => one !== "" && one !== "identity")].join();
}

function isMade(name: string): boolean {
  return CODINGS.some((coding) => coding === name);
}

function byText([a]: readonly [string, number], [b]: readonly [string, number]): number {
  return a < b ? -1 : 1;
}

function weightsOf(accepted: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const part of accepted.toLowerCase().split(",").slice(0, 32)) {
    const [name = "", ...parameters] = part.split(";").map((one) => one.trim());
    const weight = parameters.find((one) => /^q\s*=/.test(one));
    const number = weight === undefined ? 1 : Number(weight.slice(weight.indexOf("=") + 1));
    weights.set(name === "x-gzip" ? "gzip" : name, number >= 0 && number <= 1 ? number : 0);
  }
  return weights;
}
