/**
 * Server keys, and tickets that are issued with them. A server key is a secret in a scope of its
 * own (`serverKeyScope`), so that it is sealed and rotated like all others.
 */
import { createHmac } from "node:crypto";
import {
  type ChangeStamp,
  EMPTY,
  json,
  type OperationHandlers,
  pageOfRows,
  readCursor,
} from "@skerry/api-serving";
import { PlatformError } from "@skerry/base";
import type { ServerKeyResource } from "@skerry/api-schema";
import { serverKeyScope, ticketSecretText, ticketText } from "@skerry/contracts";
import type { SecretRecord } from "@skerry/secrets";
import { fail } from "../errors.ts";
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import { awaitApplied } from "./await-applied.ts";
import { keepAnswer } from "./keep-answer.ts";

type Handled = "listServerKeys" | "createServerKey" | "deleteServerKey" | "issueTicket";

const SECRET_BYTES = 32;

export function serverKeyHandlers(deps: ApiDeps): Pick<OperationHandlers, Handled> {
  const { store, keeper, random, clock } = deps;
  return {
    listServerKeys: async ({ principal: { accountId }, params: { app }, query }) => {
      const { cursor, limit } = query;
      const args = { accountId, app: serverKeyScope(app), after: readCursor(cursor, ""), limit };
      const rows = await store.call(storeModule, "listSecrets", args);
      const item = (record: SecretRecord): ServerKeyResource => resourceOf(app, record);
      return json(pageOfRows(rows, limit, { item, key: ({ name }) => name }));
    },
    createServerKey: async ({ principal: { accountId }, params: { app }, body, ...call }) => {
      const named = { accountId, app: serverKeyScope(app), name: body.name };
      const exists = { app, key: body.name };
      if ((await store.call(storeModule, "findSecret", named)) !== undefined) {
        throw fail("SERVER_KEY_EXISTS", exists);
      }
      const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString("base64url");
      const made = (record: SecretRecord): object => ({ ...resourceOf(app, record), secret });
      const stamp = (record: SecretRecord): ChangeStamp => call.stamp(made(record));
      const fresh = { ...named, value: secret, ifVersion: 0, stamp };
      const { record, seq } = await keeper.put(fresh).catch((error: unknown) => {
        // Somebody else made it since.
        if (PlatformError.from(error).reason !== "SECRET_CHANGED") throw error;
        throw fail("SERVER_KEY_EXISTS", exists, error);
      });
      await awaitApplied(deps, seq, call.signal);
      return json(made(record));
    },
    deleteServerKey: async ({ params: { app, serverKey: name }, stamp, signal }) => {
      const args = { stamp: stamp(), app: serverKeyScope(app), name, ifVersion: null };
      const removed = store.call(storeModule, "deleteSecret", args).catch((error: unknown) => {
        if (PlatformError.from(error).reason !== "SECRET_NOT_FOUND") throw error;
        throw fail("SERVER_KEY_NOT_FOUND", { app, key: name }, error);
      });
      await awaitApplied(deps, await removed, signal);
      return EMPTY;
    },
    issueTicket: async ({ principal: { accountId, keyId }, params: { app }, body, ...call }) => {
      const { player, ttlMs, key: name } = body;
      const found = await keeper.open({ accountId, app: serverKeyScope(app), name });
      if (found === undefined) throw fail("SERVER_KEY_NOT_FOUND", { app, key: name });
      const expiryS = Math.floor((clock.wallMs() + ttlMs) / 1_000);
      const playerBase64 = Buffer.from(player, "utf8").toString("base64url");
      const { id } = found.record;
      const ticket = ticketText({ keyId: id, playerBase64, expiryS, issuer: keyId });
      const mac = createHmac("sha256", found.value).update(ticketSecretText(ticket));
      const expiresAt = new Date(expiryS * 1_000).toISOString();
      const answer = { ticket, secret: mac.digest("base64url"), player, expiresAt };
      const stamp = call.stamp(answer);
      const resource = `app/${app}/server-key/${name}`;
      const details = { operation: "issueTicket", app, key: name, player, expiresAt };
      const record = { ...stamp, action: "functions.invoke", resource, details } as const;
      await store.call(storeModule, "recordAudit", record);
      await keepAnswer(deps, stamp, { subject: resource });
      return json(answer);
    },
  };
}

function resourceOf(app: string, { id, name, createdAtMs }: SecretRecord): ServerKeyResource {
  return { id, app, name, createdAt: new Date(createdAtMs).toISOString() };
}
