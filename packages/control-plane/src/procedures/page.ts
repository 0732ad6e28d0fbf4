/** Transactions of the start page: signing in and out, and saved events. */
import {
  appendAudit,
  findConsoleSession,
  findKey,
  insertConsoleSession,
  insertSignInLink,
  listConsoleSessions,
  removeConsoleSession,
  takeSignInLink,
  type AuditStamp,
  type ConsoleSession,
  type KeyRecord,
  type PresentedSecret,
  type SignInLink,
} from "@skerry/accounts";
import type {
  AccountId,
  ConsoleSessionId,
  FunctionId,
  RequestId,
  SignInLinkId,
} from "@skerry/base";
import {
  deleteSavedEvent as deleteEventRow,
  getFunction,
  listFunctionNames,
  listSavedEvents as listEventRows,
  putSavedEvent as putEventRow,
  type AccountFunction,
  type SavedEvent,
} from "@skerry/functions/catalogue";
import type { Tx, TxStep } from "@skerry/store";
import { fail } from "../errors.ts";
import type { ChangeStamp } from "@skerry/api-serving";
import { recordChange } from "./change.ts";

export function* createSignInLink(
  tx: Tx,
  args: { readonly stamp: ChangeStamp; readonly link: SignInLink },
): TxStep<void> {
  yield* insertSignInLink(tx, args.link);
  yield* recordChange(tx, args.stamp, {
    action: "platform.read",
    resource: `key/${args.link.keyId}`,
    details: { operation: "createSignInLink" },
  });
}

/**
 * Turns a link into a session of the link's key. Undefined when the link does not work (any more),
 * or when its key is revoked.
 */
export function* signIn(
  tx: Tx,
  args: {
    readonly presented: PresentedSecret<SignInLinkId>;
    readonly fresh: Pick<ConsoleSession, "id" | "secretSha256" | "createdAtMs" | "expiresAtMs">;
    readonly audit: Pick<AuditStamp, "id"> & { readonly requestId: RequestId };
  },
): TxStep<ConsoleSession | undefined> {
  const { presented, fresh, audit } = args;
  const wallMs = fresh.createdAtMs;
  const link = yield* takeSignInLink(tx, { presented, wallMs });
  if (link === undefined) return undefined;
  const key = yield* findKey(tx, link.keyId);
  if (key === undefined) return undefined;
  const { accountId, keyId } = link;
  const session = { ...fresh, accountId, keyId };
  yield* insertConsoleSession(tx, session);
  yield* appendAudit(tx, {
    ...{ ...audit, accountId, keyId, atMs: wallMs },
    action: "platform.read",
    resource: `console-session/${session.id}`,
    details: { operation: "signIn" },
  });
  return session;
}

export function* lookUpConsoleSession(
  tx: Tx,
  args: { readonly id: ConsoleSessionId; readonly wallMs: number },
): TxStep<{ readonly session: ConsoleSession; readonly key: KeyRecord } | undefined> {
  return yield* findConsoleSession(tx, args);
}

export function* consoleSessions(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly wallMs: number },
): TxStep<readonly ConsoleSession[]> {
  return yield* listConsoleSessions(tx, args);
}

/** Throws CONSOLE_SESSION_NOT_FOUND. */
export function* endConsoleSession(
  tx: Tx,
  args: { readonly stamp: ChangeStamp; readonly id: ConsoleSessionId },
): TxStep<void> {
  const { stamp, id } = args;
  const { accountId } = stamp;
  const removed = yield* removeConsoleSession(tx, { accountId, id });
  if (!removed) throw fail("CONSOLE_SESSION_NOT_FOUND", { session: id });
  yield* recordChange(tx, stamp, {
    action: "platform.read",
    resource: `console-session/${id}`,
    details: { operation: "deleteConsoleSession" },
  });
}

export function* accountFunctions(
  tx: Tx,
  args: { readonly accountId: AccountId },
): TxStep<readonly AccountFunction[]> {
  return yield* listFunctionNames(tx, args);
}

export function* savedEvents(
  tx: Tx,
  args: { readonly functionId: FunctionId },
): TxStep<readonly SavedEvent[]> {
  return yield* listEventRows(tx, args);
}

interface EventOf {
  readonly stamp: ChangeStamp;
  readonly app: string;
  readonly fn: string;
}

export function* putSavedEvent(
  tx: Tx,
  args: EventOf & { readonly saved: SavedEvent },
): TxStep<void> {
  const functionId = yield* functionIdOf(tx, args);
  yield* putEventRow(tx, { functionId, saved: args.saved });
  yield* noteEvent(tx, args, { operation: "putSavedEvent", event: args.saved.name });
}

export function* deleteSavedEvent(tx: Tx, args: EventOf & { readonly name: string }): TxStep<void> {
  const functionId = yield* functionIdOf(tx, args);
  yield* deleteEventRow(tx, { functionId, name: args.name });
  yield* noteEvent(tx, args, { operation: "deleteSavedEvent", event: args.name });
}

function* functionIdOf(tx: Tx, { stamp, app, fn }: EventOf): TxStep<FunctionId> {
  return (yield* getFunction(tx, { accountId: stamp.accountId, app, name: fn })).id;
}

function* noteEvent(
  tx: Tx,
  { stamp, app, fn }: EventOf,
  details: { readonly operation: string; readonly event: string },
): TxStep<void> {
  const resource = `function/${app}/${fn}`;
  yield* recordChange(tx, stamp, { action: "functions.invoke", resource, details });
}
