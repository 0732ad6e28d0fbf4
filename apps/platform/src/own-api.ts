/**
 * The few requests of the platform's own API that every start makes. The client of the SDK brings
 * the schemas of the whole API and Node's fetch with it: a third of the supervisor's start.
 */
import type { IncomingMessage } from "node:http";
import { randomUUID } from "node:crypto";
import { PlatformError } from "@skerry/base";
import { nodeHttp } from "@skerry/http/node-http";

export interface OwnApi {
  readonly apiUrl: string;
  readonly key: string;
}

interface OwnCall {
  readonly method: "GET" | "POST";
  readonly path: string;
}

/** As the table of operations has them. */
export const OWN_CALLS = {
  listApps: { method: "GET", path: "/v1/apps?limit=1" },
  getExample: { method: "GET", path: "/v1/apps/examples/functions/hello" },
  createSignInLink: { method: "POST", path: "/v1/sign-in-links" },
} as const satisfies Record<string, OwnCall>;

const ANSWER_WITHIN_MS = 60_000;

/** Resolves with what is answered; rejects with the error that the API sends. Once. */
export async function ask({ apiUrl, key }: OwnApi, { method, path }: OwnCall): Promise<unknown> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = nodeHttp.request(new URL(path, apiUrl), {
      method,
      agent: false,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      headers: {
        authorization: `Bearer ${key}`,
        ...(method === "POST" && {
          "content-type": "application/json",
          "idempotency-key": randomUUID(),
        }),
      },
    });
    request.once("response", resolve).once("error", reject);
    request.end(method === "POST" ? "{}" : undefined);
  });
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  const answer: unknown = JSON.parse(Buffer.concat(parts).toString("utf8"));
  if (response.statusCode !== 200 && response.statusCode !== 201) throw toError(answer);
  return answer;
}

function toError(answer: unknown): PlatformError {
  return PlatformError.fromWire((answer as { readonly error?: unknown } | null)?.error);
}
