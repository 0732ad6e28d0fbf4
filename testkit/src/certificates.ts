/**
 * Certificates for tests, made on the spot: an authority of its own, and what it signs. X.509 v3
 * (RFC 5280) with ECDSA over P-256, as little of it as clients ask for.
 */
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";

export interface TestCertificate {
  /** PEM; of what an authority signed, without the authority's. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface TestAuthority extends TestCertificate {
  /** A certificate for these names; `*.` stands for one label. `127.0.0.1` is an address. */
  issue(hosts: readonly string[]): TestCertificate;
}

type Der = Buffer;
interface Signer {
  readonly name: string;
  readonly key: KeyObject;
}

const YEAR_MS = 365 * 86_400_000;
const SIGNED_BY_ECDSA_SHA256 = seq(oid("2a8648ce3d040302"));

/** A new authority. `nowMs` is the time at which what it signs is valid, for a year around it. */
export function makeAuthority(nowMs = Date.now()): TestAuthority {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer: Signer = { name: `Tests ${randomBytes(4).toString("hex")}`, key: pair.privateKey };
  const isAuthority = extension("551d13", seq(der(0x01, Buffer.from([0xff]))), true);
  const own = { subject: issuer.name, publicKey: pair.publicKey, extensions: [isAuthority] };
  return {
    cert: certificate(issuer, own, nowMs),
    key: pem(pair.privateKey),
    issue: (hosts) => {
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const extensions = [extension("551d11", seq(...hosts.map(alternativeName)), false)];
      const cert = certificate(issuer, { subject: hosts[0] ?? "", publicKey, extensions }, nowMs);
      return { cert, key: pem(privateKey) };
    },
  };
}

function certificate(
  issuer: Signer,
  of: {
    readonly subject: string;
    readonly publicKey: KeyObject;
    readonly extensions: readonly Der[];
  },
  nowMs: number,
): string {
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(8)]);
  const signed = seq(
    ...[der(0xa0, der(0x02, Buffer.from([2]))), der(0x02, serial), SIGNED_BY_ECDSA_SHA256],
    ...[commonName(issuer.name), seq(time(nowMs - YEAR_MS), time(nowMs + YEAR_MS))],
    ...[commonName(of.subject), of.publicKey.export({ type: "spki", format: "der" })],
    der(0xa3, seq(...of.extensions)),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign("sha256", signed, issuer.key)]);
  const whole = seq(signed, SIGNED_BY_ECDSA_SHA256, der(0x03, signature));
  const lines = whole.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function alternativeName(host: string): Der {
  const isAddress = /^[0-9.]+$/.test(host);
  return isAddress
    ? der(0x87, Buffer.from(host.split(".").map(Number)))
    : der(0x82, Buffer.from(host));
}

function extension(id: string, value: Der, isCritical: boolean): Der {
  const critical = isCritical ? [der(0x01, Buffer.from([0xff]))] : [];
  return seq(oid(id), ...critical, der(0x04, value));
}

function commonName(name: string): Der {
  return seq(der(0x31, seq(oid("550403"), der(0x0c, Buffer.from(name)))));
}

function time(ms: number): Der {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return der(0x18, Buffer.from(text));
}

function oid(hex: string): Der {
  return der(0x06, Buffer.from(hex, "hex"));
}

function seq(...parts: readonly Der[]): Der {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, content: Uint8Array): Der {
  const { length } = content;
  const head =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

function pem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
