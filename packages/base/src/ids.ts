/**
 * Ids need no coordination: a prefix that names the kind, then 128 bits. Resource ids are UUIDv7
 * bits in Crockford base32, so that they sort by age; request ids are plain UUIDv7 text (RFC 9562
 * section 5.7).
 */
import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type AccountId = Branded<"acct">;
export type AppId = Branded<"app">;
export type FunctionId = Branded<"fn">;
export type RevisionId = Branded<"rev">;
export type InstanceId = Branded<"inst">;
export type NodeId = Branded<"node">;
export type KeyId = Branded<"key">;
export type DeploymentId = Branded<"dep">;
export type AuditId = Branded<"aud">;
export type GatewayId = Branded<"gw">;
/** Someone who is signed in at the start page. */
export type ConsoleSessionId = Branded<"ses">;
/** A link that signs in once. */
export type SignInLinkId = Branded<"sil">;
export type SecretId = Branded<"sec">;
export type ConfigObjectId = Branded<"cfg">;
export type TimerId = Branded<"tmr">;
export type ActionId = Branded<"act">;
export type TopicId = Branded<"top">;
/** What reads a topic with positions of its own. */
export type TopicGroupId = Branded<"tgr">;
/** What events of the bus are matched against. */
export type RuleId = Branded<"rul">;
/** A pass over the ledger that accepts anew what failed or expired. */
export type RedriveId = Branded<"rdr">;
/** A release of a whole app, from stage to stage. */
export type ReleaseId = Branded<"rel">;
/** A list of routes that an app's stages serve publications of. */
export type GatewayApiId = Branded<"api">;
/** A UUIDv7 in its usual text form. */
export type RequestId = Branded<"request">;

interface IdOfPrefix {
  acct: AccountId;
  app: AppId;
  fn: FunctionId;
  rev: RevisionId;
  inst: InstanceId;
  node: NodeId;
  key: KeyId;
  dep: DeploymentId;
  aud: AuditId;
  gw: GatewayId;
  ses: ConsoleSessionId;
  sil: SignInLinkId;
  sec: SecretId;
  cfg: ConfigObjectId;
  tmr: TimerId;
  act: ActionId;
  top: TopicId;
  tgr: TopicGroupId;
  rul: RuleId;
  rdr: RedriveId;
  rel: ReleaseId;
  api: GatewayApiId;
}
export type IdPrefix = keyof IdOfPrefix;

const CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz";
const ID_BODY = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const HEX: readonly string[] = Array.from({ length: 256 }, (_, n) =>
  n.toString(16).padStart(2, "0"),
);

export interface IdSource {
  /** A fresh id of the kind, for example `fn_01k…`. */
  id<P extends IdPrefix>(prefix: P): IdOfPrefix[P];
  requestId(): RequestId;
}

export function createIdSource(deps: { readonly clock: Clock; readonly random: Random }): IdSource {
  const { clock, random } = deps;
  let last = { wallMs: -1, text: "" };
  return {
    id: <P extends IdPrefix>(prefix: P) => {
      return idFromBytes(prefix, uuidV7Bytes(clock.wallMs(), random.bytes(10)));
    },
    requestId: () => {
      const wallMs = Math.floor(clock.wallMs());
      // Many are made in a millisecond, and every request has one.
      if (last.wallMs !== wallMs) last = { wallMs, text: timeText(wallMs) };
      return (last.text + restText(marked(random.bytes(10)))) as RequestId;
    },
  };
}

/** True when `value` is a well-formed id of the kind. Total. */
export function isId<P extends IdPrefix>(prefix: P, value: unknown): value is IdOfPrefix[P] {
  return (
    typeof value === "string" &&
    value.startsWith(`${prefix}_`) &&
    ID_BODY.test(value.slice(prefix.length + 1))
  );
}

export function isRequestId(value: unknown): value is RequestId {
  return typeof value === "string" && UUID.test(value);
}

/** The 16 bytes of a request id. The argument must satisfy `isRequestId`. */
export function requestIdToBytes(id: RequestId): Uint8Array {
  const out = new Uint8Array(16);
  let at = 0;
  for (let i = 0; i < id.length; i += 2) {
    if (id.charCodeAt(i) === DASH) i += 1;
    out[at++] = (hexValue(id.charCodeAt(i)) << 4) | hexValue(id.charCodeAt(i + 1));
  }
  return out;
}

const DASH = 45;

/**
 * The value of a lower-case hexadecimal digit. Written out, because this runs for every request.
 */
function hexValue(charCode: number): number {
  return charCode <= 57 ? charCode - 48 : charCode - 87;
}

export function requestIdFromBytes(bytes: Uint8Array): RequestId {
  return uuidText(bytes) as RequestId;
}

/** The 16 bytes behind a resource id, for fixed-size records. The argument must satisfy `isId`. */
export function idToBytes(id: string): Uint8Array {
  const out = new Uint8Array(16);
  let bits = 0;
  let held = 0;
  let at = 15;
  for (let i = id.length - 1; at >= 0; i -= 1) {
    held |= CROCKFORD.indexOf(id[i] ?? "0") << bits;
    bits += 5;
    if (bits < 8) continue;
    out[at] = held & 255;
    at -= 1;
    held >>>= 8;
    bits -= 8;
  }
  return out;
}

/** The inverse of `idToBytes`. */
export function idFromBytes<P extends IdPrefix>(prefix: P, bytes: Uint8Array): IdOfPrefix[P] {
  let body = "";
  let bits = 0;
  let held = 0;
  for (let i = 15; i >= 0; i -= 1) {
    held |= (bytes[i] ?? 0) << bits;
    bits += 8;
    while (bits >= 5) {
      body = (CROCKFORD[held & 31] ?? "0") + body;
      held >>>= 5;
      bits -= 5;
    }
  }
  return `${prefix}_${CROCKFORD[held & 31] ?? "0"}${body}` as IdOfPrefix[P];
}

function uuidV7Bytes(wallMs: number, random: Uint8Array): Uint8Array {
  const out = new Uint8Array(16);
  let rest = Math.floor(wallMs);
  for (let i = 5; i >= 0; i -= 1) {
    out[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  out.set(marked(random), 6);
  return out;
}

/** The bytes behind a UUID's time, with version and variant set. */
function marked(random: Uint8Array): Uint8Array {
  random[0] = 0x70 | ((random[0] ?? 0) & 0x0f);
  random[2] = 0x80 | ((random[2] ?? 0) & 0x3f);
  return random;
}

/** The first six bytes of a UUID of version 7. */
function timeText(wallMs: number): string {
  const hex = wallMs.toString(16).padStart(12, "0").slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-`;
}

/** The others. */
function restText(rest: Uint8Array): string {
  let text = `${hexOf(rest[0])}${hexOf(rest[1])}-${hexOf(rest[2])}${hexOf(rest[3])}-`;
  for (let i = 4; i < 10; i += 1) text += hexOf(rest[i]);
  return text;
}

function hexOf(byte: number | undefined): string {
  return HEX[byte ?? 0] ?? "";
}

function uuidText(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < 16; i += 1) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
    text += HEX[bytes[i] ?? 0];
  }
  return text;
}
