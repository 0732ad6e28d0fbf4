/** Calls of the action `score` as a game server makes them, each signed for itself. */
import { createHash, createHmac, randomBytes } from "node:crypto";
import { systemClock } from "@skerry/base";
import { signedText, TICKET_HEADER } from "@skerry/contracts";
import type { HttpCall, Platform } from "@skerry/testkit";

export interface ServerKey {
  readonly id: string;
  readonly secret: string;
}

const PATH = "/-/load/actions/score";

/** A request that counts once, however often it is sent. */
export function signedCall(
  { gatewayPort: port }: Platform,
  key: ServerKey,
  name: string,
): HttpCall {
  const body = JSON.stringify({ name });
  const time = String(Math.floor(systemClock().wallMs() / 1_000));
  const nonce = randomBytes(16).toString("base64url");
  const bodySha256 = createHash("sha256").update(body).digest("hex");
  const text = signedText({ method: "POST", path: PATH, time, nonce, bodySha256 });
  const signature = createHmac("sha256", key.secret).update(text).digest("base64url");
  const ticket = ["v1", key.id, time, nonce, signature].join(",");
  const headers = { "content-type": "application/json", [TICKET_HEADER]: ticket };
  return { port, path: PATH, method: "POST", headers, body };
}
