/**
 * The way in for `/-/APP/actions/NAME`: from a request with a ticket, or with a key, to a run of
 * the action. A nonce is used up only by a call whose signature is right, so that nobody without a
 * key can fill what is remembered.
 */
import type { IncomingMessage } from "node:http";
import { PlatformError, type Clock, type SecretId } from "@skerry/base";
import {
  actionFactsOf,
  appOfServerKeys,
  authorize,
  failFunction,
  TICKET_HEADER,
  TICKET_LIMITS,
  type ActionEntry,
  type ActionFacts,
  type SecretEntry,
} from "@skerry/contracts";
import { readBody, type ParsedTarget } from "@skerry/http";
import {
  type CallTarget,
  isSigned,
  type KeyCheck,
  type NonceJournal,
  type Nonces,
  readTicket,
  type Ticket,
} from "@skerry/requests";
import { BodyHold, type BodyBudget, noRoom } from "@skerry/live-invocations";
import { failGateway } from "../errors.ts";
import type { FunctionShell } from "../function-shell.ts";

/** The last segment but one of the path; a function of that name takes its calls instead. */
export const ACTIONS_SEGMENT = "actions";

export interface ActionDoorDeps {
  readonly clock: Clock;
  readonly bodies: BodyBudget;
  readonly keys: KeyCheck;
  readonly nonces: Pick<Nonces, "use">;
  /** What other gateways have taken; undefined where there are none. */
  readonly journal: Pick<NonceJournal, "claim"> | undefined;
  readonly actionOf: (app: string, name: string) => ActionEntry | undefined;
  readonly serverKeyOf: (id: SecretId) => SecretEntry | undefined;
  /** The value of a server key. */
  readonly openKey: (entry: SecretEntry) => Promise<string>;
  readonly shellOf: (app: string, fn: string) => FunctionShell | undefined;
}

export interface ActionRequest {
  readonly req: IncomingMessage;
  readonly target: ParsedTarget;
  readonly call: CallTarget;
}

/** A run whose caller may have it; whoever takes it releases the hold. */
export interface AdmittedRun {
  readonly shell: FunctionShell;
  readonly facts: ActionFacts;
  readonly body: Uint8Array;
  readonly hold: BodyHold;
}

const BODY_DEADLINE_MS = 60_000;

export class ActionDoor {
  readonly #deps: ActionDoorDeps;
  readonly #opened = new Map<SecretId, { entry: SecretEntry; value: Promise<string> }>();

  constructor(deps: ActionDoorDeps) {
    this.#deps = deps;
  }

  /** Rejects with why it is refused. */
  async admit(asked: ActionRequest): Promise<AdmittedRun> {
    const { req, call } = asked;
    const action = this.#actionOf(call);
    if (req.method !== "POST")
      throw failGateway("GATEWAY_ACTION_METHOD", { action: pathOf(action) });
    const shell = this.#deps.shellOf(action.app, action.fn);
    if (shell === undefined) {
      throw failFunction("FUNCTION_NOT_FOUND", { function: `${action.app}/${action.fn}` });
    }
    const header = req.headers[TICKET_HEADER];
    if (header === undefined) return await this.#byKey(asked, action, shell);
    return await this.#byTicket(asked, { action, shell, header: String(header) });
  }

  #actionOf({ app, url }: CallTarget): ActionEntry {
    const name = /^\/([a-z][a-z0-9-]{0,39})(?:\?|$)/.exec(url)?.[1] ?? "";
    const found = this.#deps.actionOf(app, name);
    if (found === undefined) throw failGateway("GATEWAY_ACTION_MISSING", { app, action: name });
    return found;
  }

  async #byKey(
    { req }: ActionRequest,
    action: ActionEntry,
    shell: FunctionShell,
  ): Promise<AdmittedRun> {
    const { accountId, app, name } = action;
    const caller = this.#deps.keys.callerOf(req.headers);
    if (caller.kind === "invalid") throw failGateway("GATEWAY_KEY_INVALID");
    if (caller.kind === "none") {
      throw failGateway("GATEWAY_TICKET_REQUIRED", { action: pathOf(action) });
    }
    const { principal } = caller;
    if (!authorize(principal, "functions.invoke", { accountId, app })) {
      const { keyId } = principal;
      throw failGateway("GATEWAY_CALL_FORBIDDEN", { keyId, function: pathOf(action) });
    }
    if (!action.manual) throw failGateway("GATEWAY_DRIVE_MISSING", missing(action, "manual"));
    const facts = actionFactsOf({ app, name, drive: "manual" });
    return { shell, facts, ...(await this.#bodyOf(req, shell)) };
  }

  async #byTicket(
    { req, target }: ActionRequest,
    of: { readonly action: ActionEntry; readonly shell: FunctionShell; readonly header: string },
  ): Promise<AdmittedRun> {
    const { action, shell, header } = of;
    const { app, name } = action;
    const ticket = readTicket(header);
    if (ticket === undefined) throw failGateway("GATEWAY_TICKET_MALFORMED");
    const entry = this.#check(ticket, action);
    const key = await this.#open(entry);
    const { body, hold } = await this.#bodyOf(req, shell);
    try {
      const path = pathAsSent(req, target);
      const isRight = isSigned(ticket, key, { method: req.method ?? "", path, body });
      if (!isRight) throw failGateway("GATEWAY_TICKET_INVALID");
      // What took its time to arrive, or was revoked meanwhile, comes too late.
      this.#check(ticket, action);
      const use = this.#deps.nonces.use(
        { app: `${action.accountId}/${app}`, key: ticket.keyId, player: ticket.player?.id },
        ticket.nonce,
      );
      const signed = { key: ticket.keyId, nonce: ticket.nonce, timeS: Number(ticket.time) };
      const isElsewhere = use === "fresh" && this.#deps.journal?.claim(signed) === false;
      if (use === "used" || isElsewhere) throw failGateway("GATEWAY_TICKET_USED");
      if (use === "full") throw failGateway("GATEWAY_TICKETS_BUSY");
    } catch (error) {
      hold.release();
      throw error;
    }
    const { keyId: k, player } = ticket;
    const who = player === null ? { k } : { p: player.id, k };
    const facts = { ...actionFactsOf({ app, name, drive: "game" }), ...who };
    return { shell, facts, body, hold };
  }

  /** The key that it names; throws why the ticket does not count, whatever it signs. */
  #check(ticket: Ticket, action: ActionEntry): SecretEntry {
    const { accountId, app, game } = action;
    const { skewMs } = TICKET_LIMITS;
    if (game === null) throw failGateway("GATEWAY_DRIVE_MISSING", missing(action, "game"));
    const nowMs = this.#deps.clock.wallMs();
    if (Math.abs(nowMs - Number(ticket.time) * 1_000) > skewMs) {
      throw failGateway("GATEWAY_TICKET_SKEWED", { skewS: skewMs / 1_000 });
    }
    const entry = this.#deps.serverKeyOf(ticket.keyId);
    const issuer = ticket.player?.issuer;
    const isOver = issuer !== undefined && !this.#deps.keys.isThere(issuer, accountId);
    // A key of another app is as if it were not there.
    if (isOver || entry?.accountId !== accountId || appOfServerKeys(entry.app) !== app) {
      throw failGateway("GATEWAY_TICKET_INVALID");
    }
    const holder = ticket.player === null ? "server" : "player";
    if (game !== "any" && game !== holder) {
      throw failGateway("GATEWAY_TICKET_HOLDER", { action: pathOf(action), holder: game });
    }
    if (ticket.player !== null && ticket.player.expiryS * 1_000 <= nowMs) {
      throw failGateway("GATEWAY_TICKET_EXPIRED");
    }
    return entry;
  }

  /** Opened once for each value; forgotten when it cannot be, and when the key is gone. */
  async #open(entry: SecretEntry): Promise<string> {
    for (const id of this.#opened.keys()) {
      if (this.#deps.serverKeyOf(id) === undefined) this.#opened.delete(id);
    }
    const known = this.#opened.get(entry.id);
    const opened = known?.entry === entry ? known : { entry, value: this.#deps.openKey(entry) };
    this.#opened.set(entry.id, opened);
    try {
      return await opened.value;
    } catch (error) {
      this.#opened.delete(entry.id);
      throw failGateway("GATEWAY_TICKETS_UNREADABLE", {}, error);
    }
  }

  async #bodyOf(
    req: IncomingMessage,
    { entry }: FunctionShell,
  ): Promise<{ readonly body: Uint8Array; readonly hold: BodyHold }> {
    const { bodyBytesMax: bytesMax } = TICKET_LIMITS;
    const hold = new BodyHold(this.#deps.bodies);
    const admit = (bytes: number): PlatformError | undefined =>
      hold.take(bytes) ? undefined : noRoom(entry);
    try {
      const limits = { bytesMax, deadlineMs: BODY_DEADLINE_MS, clock: this.#deps.clock, admit };
      return { body: await readBody(req, limits), hold };
    } catch (error) {
      hold.release();
      if (PlatformError.from(error).reason !== "BODY_TOO_LARGE") throw error;
      const details = { function: `${entry.app}/${entry.name}`, what: "event", bytesMax };
      throw failFunction("FUNCTION_PAYLOAD_TOO_LARGE", details, error);
    }
  }
}

function pathOf({ app, name }: ActionEntry): string {
  return `${app}/${name}`;
}

/** To the letter, an empty query too; without the host of an absolute target. */
function pathAsSent({ url = "" }: IncomingMessage, { rawPath, rawQuery }: ParsedTarget): string {
  if (url.startsWith("/")) return url;
  return url.includes("?") ? `${rawPath}?${rawQuery}` : rawPath;
}

function missing(action: ActionEntry, drive: string): { action: string; drive: string } {
  return { action: pathOf(action), drive };
}
