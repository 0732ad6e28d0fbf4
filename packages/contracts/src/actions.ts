/**
 * Actions of an app: a name that runs a function, and what may run it. Each run says which drive of
 * which action it came by (`triggerId`) and which run it is (`executionId`).
 */
import type { AccountId, ActionId } from "@skerry/base";

/** What may run an action. Append only: the index is stored in records. */
export const DRIVES = ["timer", "event", "game", "manual"] as const;
export type Drive = (typeof DRIVES)[number];

/** Whose ticket a game's call needs. */
export const TICKET_HOLDERS = ["player", "server", "any"] as const;
export type TicketHolder = (typeof TICKET_HOLDERS)[number];

/** An action as gateways need it. Key `action/<id>`. */
export interface ActionEntry {
  readonly kind: "action";
  readonly id: ActionId;
  readonly accountId: AccountId;
  readonly app: string;
  readonly name: string;
  /** Name of a function of the same app. */
  readonly fn: string;
  /** Whose tickets run it; null when the game may not. */
  readonly game: TicketHolder | null;
  /** Holders of a key may run it. */
  readonly manual: boolean;
}

/** What a run knows of its action; keys are short, since they travel with each. */
export interface ActionFacts {
  /** Name of the action. */
  readonly n: string;
  readonly d: Drive;
  /** The trigger's id. */
  readonly t: string;
  /** Player whose ticket it was. */
  readonly p?: string;
  /** Id of the server key that signed, or that the ticket was issued with. */
  readonly k?: string;
}

/** Names one drive of one action, for ever. */
export function triggerIdOf(action: {
  readonly app: string;
  readonly name: string;
  readonly drive: Drive;
}): string {
  return `${action.app}/${action.name}:${action.drive}`;
}

/** The facts of a run that no ticket made. */
export function actionFactsOf(action: {
  readonly app: string;
  readonly name: string;
  readonly drive: Drive;
}): ActionFacts {
  return { n: action.name, d: action.drive, t: triggerIdOf(action) };
}

const SERVER_KEYS = "/server-keys";

/**
 * Where an app's server keys are kept: among secrets, in a scope that no app's name can be, so that
 * no function is given one and a rotation of the master key takes them along.
 */
export function serverKeyScope(app: string): string {
  return `${app}${SERVER_KEYS}`;
}

/** The app of such a scope; undefined for any other. */
export function appOfServerKeys(scope: string | null): string | undefined {
  return scope?.endsWith(SERVER_KEYS) === true ? scope.slice(0, -SERVER_KEYS.length) : undefined;
}
