/** Headers by which a receiver knows who sent a webhook, as standardwebhooks.com states them. */
import { createHmac } from "node:crypto";

/** `whsec_` and base64, else the secret's own bytes. */
function keyOf(secret: string): Buffer {
  return secret.startsWith("whsec_")
    ? Buffer.from(secret.slice("whsec_".length), "base64")
    : Buffer.from(secret);
}

/** The same id each time that it is sent; without a secret there is no signature. */
export function webhookHeaders(
  message: { readonly id: string; readonly sentMs: number; readonly body: Uint8Array },
  secret: string | undefined,
): Readonly<Record<string, string>> {
  const { id, sentMs, body } = message;
  const timestamp = String(Math.floor(sentMs / 1_000));
  const named = { "webhook-id": id, "webhook-timestamp": timestamp };
  if (secret === undefined) return named;
  const hmac = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(body);
  return { ...named, "webhook-signature": `v1,${hmac.digest("base64")}` };
}
