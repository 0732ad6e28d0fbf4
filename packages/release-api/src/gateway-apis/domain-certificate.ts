/** Certificates that users bring along, looked at before they are used. Nothing of it is kept. */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { isIP } from "node:net";
import { HOST_SUFFIX } from "@skerry/contracts";
import { failGatewayApi } from "@skerry/gateway-apis";

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const CHAIN_MAX = 10;
const RSA_BITS_MIN = 2_048;

/** What there is to know of a certificate. */
export interface CertificateFacts {
  readonly names: string[];
  readonly issuer: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly sha256: string;
}

/** Of the leaf of a chain that was checked. */
export function certificateFacts(chain: string): CertificateFacts {
  const leaf = new X509Certificate(chain);
  return {
    names: dnsNames(leaf),
    issuer: leaf.issuer.replaceAll("\n", ", "),
    notBefore: new Date(leaf.validFrom).toISOString(),
    notAfter: new Date(leaf.validTo).toISOString(),
    sha256: leaf.fingerprint256.replaceAll(":", "").toLowerCase(),
  };
}

/**
 * The chain as it is kept: its certificates and nothing else that stood there. Throws
 * DOMAIN_CERTIFICATE_REFUSED.
 */
export function checkedChain(
  { chain, key }: { readonly chain: string; readonly key: string },
  { host, nowMs }: { readonly host: string; readonly nowMs: number },
): string {
  const refuse = (why: string) => failGatewayApi("DOMAIN_CERTIFICATE_REFUSED", { host, why });
  const certificates = certificatesIn(chain);
  const leaf = certificates?.[0];
  if (certificates === undefined || leaf === undefined) throw refuse("the chain is not PEM");
  if (certificates.length > CHAIN_MAX) throw refuse("the chain is too long");
  const privateKey = privateKeyIn(key);
  if (privateKey === undefined) throw refuse("the key is not a PEM private key without passphrase");
  if (!leaf.checkPrivateKey(privateKey))
    throw refuse("the key is not that of its first certificate");
  const bits = privateKey.asymmetricKeyDetails?.modulusLength ?? RSA_BITS_MIN;
  if (bits < RSA_BITS_MIN) throw refuse(`an RSA key has ${RSA_BITS_MIN} bits at least`);
  for (const [i, one] of certificates.entries()) {
    if (new Date(one.validTo).getTime() <= nowMs) throw refuse("it has expired");
    if (new Date(one.validFrom).getTime() > nowMs) throw refuse("it is not valid yet");
    const issuer = certificates[i + 1];
    if (issuer === undefined) continue;
    const isIssued = one.checkIssued(issuer) && one.verify(issuer.publicKey);
    if (!isIssued) throw refuse(`certificate ${i + 1} of the chain is not signed by the next one`);
  }
  if (!coversHost(leaf, host)) throw refuse(`it is for ${dnsNames(leaf).join(", ") || "no host"}`);
  return certificates.map((one) => one.toString().trim()).join("\n") + "\n";
}

/** Throws DOMAIN_RESERVED for what is the platform's own. */
export function assertOwnHost(host: string, gatewayHost: string): void {
  const refuse = (why: string) => failGatewayApi("DOMAIN_RESERVED", { host, why });
  if (isIP(host) !== 0) throw refuse("it is an address");
  const pattern = `*${gatewayHost.slice(gatewayHost.indexOf("."))}`;
  const isPlatforms = `.${host}`.endsWith(HOST_SUFFIX) || [gatewayHost, pattern].includes(host);
  if (isPlatforms) throw refuse("it is the platform's own");
  if (host.startsWith("*.") && !host.slice(2).includes("."))
    throw refuse("it is all of a top level");
}

function certificatesIn(chain: string): readonly X509Certificate[] | undefined {
  try {
    return (chain.match(PEM_CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
  } catch {
    return undefined;
  }
}

function privateKeyIn(key: string): KeyObject | undefined {
  try {
    return createPrivateKey(key);
  } catch {
    return undefined;
  }
}

function coversHost(leaf: X509Certificate, host: string): boolean {
  if (host.startsWith("*.")) return dnsNames(leaf).includes(host);
  return leaf.checkHost(host, { subject: "never" }) !== undefined;
}

function dnsNames({ subjectAltName = "" }: X509Certificate): string[] {
  return subjectAltName
    .split(", ")
    .filter((name) => name.startsWith("DNS:"))
    .map((name) => name.slice(4).toLowerCase());
}
