/**
 * Who asks, for what. `authorize` is the only place that decides; it is pure and denies by default.
 * Every operation of the API and every call through the gateway goes through it.
 */
import type { AccountId, ConsoleSessionId, KeyId } from "@skerry/base";

export const ROLES = ["viewer", "developer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** A caller after its key was verified. */
export interface Principal {
  readonly keyId: KeyId;
  readonly accountId: AccountId;
  readonly role: Role;
  /** Names of the apps the key is confined to; undefined reaches the whole account. */
  readonly apps: readonly string[] | undefined;
  /** Set for someone who is signed in at the start page and acts as that key. */
  readonly consoleSessionId?: ConsoleSessionId;
}

export const ACTIONS = [
  "platform.read",
  "apps.read",
  "functions.read",
  "functions.deploy",
  "functions.delete",
  "functions.invoke",
  "timers.read",
  "timers.write",
  "actions.read",
  "actions.write",
  "topics.read",
  "topics.write",
  "topics.publish",
  "events.read",
  "events.put",
  "rules.read",
  "rules.write",
  "logs.read",
  "instances.read",
  "instances.stop",
  "nodes.probe",
  "keys.read",
  "keys.write",
  "audit.read",
  "metrics.read",
  "quotas.read",
  "quotas.write",
  "secrets.read",
  "secrets.write",
  "secrets.rotate",
  "configs.read",
  "configs.write",
  "invocations.read",
  "invocations.write",
  "domains.read",
  "domains.write",
] as const;
export type Action = (typeof ACTIONS)[number];

/** What an action touches. An absent app means the account as a whole. */
export interface ResourceRef {
  readonly accountId: AccountId;
  readonly app?: string;
}

const READ: readonly Action[] = [
  "platform.read",
  "apps.read",
  "functions.read",
  "timers.read",
  "actions.read",
  "topics.read",
  "events.read",
  "rules.read",
  "logs.read",
  "instances.read",
  "metrics.read",
  "quotas.read",
  "secrets.read",
  "configs.read",
  "invocations.read",
  "domains.read",
];
const DEVELOP: readonly Action[] = [
  ...READ,
  "timers.write",
  "actions.write",
  "topics.write",
  "topics.publish",
  "events.put",
  "rules.write",
  "functions.deploy",
  "functions.delete",
  "functions.invoke",
  "secrets.write",
  "configs.write",
  "invocations.write",
  "domains.write",
];
const OPERATE: readonly Action[] = [
  ...DEVELOP,
  "instances.stop",
  "nodes.probe",
  "audit.read",
  "keys.read",
  "quotas.write",
  "secrets.rotate",
];

/** A role that is not here, such as one of a newer release, may do nothing. */
const ALLOWED: ReadonlyMap<Role, ReadonlySet<Action>> = new Map([
  ["viewer", new Set(READ)],
  ["developer", new Set(DEVELOP)],
  ["operator", new Set(OPERATE)],
  ["admin", new Set(ACTIONS)],
]);

/**
 * What a key confined to apps may ask of the account as a whole. The platform's state is
 * everyone's; of apps, instances, accepted invocations and domains it is shown, and reaches, those
 * of its own apps alone: whoever answers asks again with the app of each.
 */
const ASKED_OF_ACCOUNT: ReadonlySet<Action> = new Set([
  "platform.read",
  "apps.read",
  "instances.read",
  "instances.stop",
  "invocations.read",
  "invocations.write",
  "domains.read",
  "domains.write",
]);

/**
 * True when `principal` may do `action` on `resource`. A key confined to apps touches resources of
 * its apps only; of the account as a whole it may ask what concerns them.
 */
export function authorize(principal: Principal, action: Action, resource: ResourceRef): boolean {
  if (principal.accountId !== resource.accountId) return false;
  if (ALLOWED.get(principal.role)?.has(action) !== true) return false;
  if (principal.apps === undefined) return true;
  if (resource.app === undefined) return ASKED_OF_ACCOUNT.has(action);
  return principal.apps.includes(resource.app);
}
