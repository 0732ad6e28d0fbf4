/**
 * What every role process has: its configuration, clock, log, ids and the channel to the
 * supervisor.
 */
import { existsSync, writeFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import type { Socket } from "node:net";
import {
  createIdSource,
  PlatformError,
  systemClock,
  systemRandom,
  type Clock,
  type IdSource,
  type Log,
  type Random,
} from "@skerry/base";
import type { PlatformConfig } from "@skerry/contracts";
import { MasterKeys } from "@skerry/secrets";
import { fail } from "../errors.ts";
import { layoutOf, type Layout } from "../layout.ts";
import type { RoleName, ToRole, ToSupervisor } from "../messages.ts";
import { openPlatformLog } from "../platform-log.ts";

export interface RoleContext {
  readonly role: RoleName;
  readonly id: string;
  /** No other process of this role runs for the same home. */
  readonly alone: boolean;
  /** To control: the gateways that run as it starts; undefined when it is not known yet. */
  readonly gateways: ReadonlySet<string> | undefined;
  readonly config: PlatformConfig;
  readonly layout: Layout;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly log: Log;
  /** Resolves when the message has left; a socket is given away. */
  send(message: ToSupervisor, socket?: Socket): Promise<void>;
}

/** A role that is serving. */
export interface RunningRole {
  readonly facts: Readonly<Record<string, string>>;
  onMessage?(message: ToRole, socket: Socket | undefined): void;
  /** Finishes what is under way; the process exits afterwards. */
  drain(deadlineMs: number): Promise<void>;
  /** The supervisor is gone: leave nothing behind, at once. */
  abandon?(): Promise<void>;
}

/** What a role does from its beginning until it serves. */
export type StartRole = (context: RoleContext) => Promise<RunningRole>;

/** Brings a role's program into memory; what may be done ahead of its beginning, it begins. */
export type LoadRole = (context: RoleContext) => Promise<StartRole>;

/** For a role whose supervisor is gone to put its things away. */
const ABANDON_WITHIN_MS = 5_000;
const WATCH_EVERY_MS = 500;
/**
 * What a role has compiled is kept for its successors soon after it serves: one that is killed
 * keeps nothing, and the next would take twice as long to start.
 */
const KEEP_COMPILED_AFTER_MS = 1_000;

export const RELEASE = "0.1.0";

/**
 * How long a role waits for control's current configuration before it says that it is ready. One
 * that takes another's place could serve from its snapshot, but until then the other one serves
 * from what is newer; one without a snapshot has nothing to serve.
 */
export function configWaitMs(snapshotPath: string): number {
  return existsSync(snapshotPath) ? 2_000 : 15_000;
}

/**
 * A role that dies leaves no secrets on the disk: core files hold none of its memory, nor of what
 * it starts. core(5); where there is no such file, there is nothing to set.
 */
function leaveMemoryOutOfCores(): void {
  try {
    writeFileSync("/proc/self/coredump_filter", "0");
  } catch {
    // Another system than Linux, or a container that hides it.
  }
}

/** Ports of the platform, at which functions never arrive. */
export function ownPortsOf(config: PlatformConfig): readonly number[] {
  const { apiPort, gatewayPort, gatewayTlsPort } = config;
  return gatewayTlsPort === undefined
    ? [apiPort, gatewayPort]
    : [apiPort, gatewayPort, gatewayTlsPort];
}

/** The master keys of secrets, for the roles that seal or open them. */
export function secretKeysOf({ clock, config, layout, random }: RoleContext): MasterKeys {
  const options = { path: layout.secretsKeyFile, command: config.secretsKeyCommand };
  return new MasterKeys({ clock, random }, options);
}

/**
 * Runs the role of this process, which `load` gets, until it is drained or the supervisor is gone.
 */
export async function runRole(
  names: { readonly role: RoleName; readonly id: string },
  load: LoadRole,
): Promise<void> {
  leaveMemoryOutOfCores();
  const context = openContext(names);
  const loading = load(context);
  // Who waits for it below learns of its failure.
  loading.catch(() => undefined);
  const early: { message: ToRole; socket: Socket | undefined }[] = [];
  let running: RunningRole | undefined;
  process.on("message", (message: ToRole, handle) => {
    const socket = handle as Socket | undefined;
    // Of a supervisor that is gone the channel tells.
    if (message.op === "ask") return void context.send({ op: "here" }).catch(() => undefined);
    if (running === undefined) early.push({ message, socket });
    else receive(context, running, { message, socket });
  });
  const begun = standby(context, loading);
  const leave = (): void => {
    // The channel tells, and the watch sees: what is put away is put away once.
    process.off("disconnect", leave);
    clearInterval(watch);
    // What is still there after a while ends with this process.
    setTimeout(() => process.exit(1), ABANDON_WITHIN_MS);
    void (running?.abandon?.() ?? Promise.resolve()).finally(() => process.exit(0));
  };
  process.on("disconnect", leave);
  // The supervisor may have ended before anyone listened, or without the channel telling.
  const supervisorPid = process.ppid;
  const watch = setInterval(() => {
    if (!process.connected || process.ppid !== supervisorPid) leave();
  }, WATCH_EVERY_MS);
  // Terminals send these to the whole group; the supervisor decides what happens.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => undefined);
  process.on("SIGHUP", () => undefined);
  process.on("uncaughtException", (error) => {
    context.log.error("the role failed and ends", { error: error.stack ?? String(error) });
    process.exit(70);
  });
  try {
    await begun;
    const start = await loading;
    running = await start(context);
    await context.send({ op: "ready", facts: running.facts });
    for (const one of early) receive(context, running, one);
    setTimeout(flushCompileCache, KEEP_COMPILED_AFTER_MS);
  } catch (error) {
    const { reason, message, hint, cause } = whyNotStarted(error, context.layout.home);
    context.log.error("the role cannot start", {
      reason,
      error: message,
      cause: cause instanceof Error ? (cause.stack ?? cause.message) : undefined,
    });
    await context.send({ op: "failed", message, hint }).catch(() => undefined);
    process.exit(1);
  }
}

/** A system call that the home does not allow is told as it is, to the operator alone. */
export function whyNotStarted(error: unknown, home: string): PlatformError {
  if (PlatformError.is(error) || !(error instanceof Error) || !("syscall" in error)) {
    return PlatformError.from(error);
  }
  const { code, message } = error as NodeJS.ErrnoException;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return fail(isFull ? "HOME_FULL" : "HOME_UNUSABLE", { home, why: message }, error);
}

/**
 * A role that cannot run beside its predecessor is loaded while that one still serves, so that only
 * draining and starting lie between the two.
 */
async function standby(context: RoleContext, loading: Promise<StartRole>): Promise<void> {
  if (process.env["SKERRY_ROLE_STANDBY"] !== "true") return;
  const begun = new Promise<void>((resolve) => {
    const onMessage = (message: ToRole): void => {
      if (message.op !== "begin") return;
      process.off("message", onMessage);
      resolve();
    };
    process.on("message", onMessage);
  });
  await loading;
  await context.send({ op: "loaded" });
  await begun;
}

function receive(
  context: RoleContext,
  running: RunningRole,
  { message, socket }: { readonly message: ToRole; readonly socket: Socket | undefined },
): void {
  if (message.op !== "drain") {
    running.onMessage?.(message, socket);
    return;
  }
  void running
    .drain(message.deadlineMs)
    .catch((error: unknown) => context.log.error("draining failed", { error: String(error) }))
    .finally(() => process.exit(0));
}

function openContext({ role, id }: { readonly role: RoleName; readonly id: string }): RoleContext {
  // The supervisor has checked it, and filled in what nobody set: no role loads a schema for it.
  const config = JSON.parse(process.env["SKERRY_ROLE_CONFIG"] ?? "{}") as PlatformConfig;
  const layout = layoutOf(config.home);
  const gateways = process.env["SKERRY_ROLE_GATEWAYS"]?.split(",");
  const clock = systemClock();
  const random = systemRandom();
  return {
    role,
    id,
    alone: process.env["SKERRY_ROLE_ALONE"] === "true",
    gateways: gateways && new Set(gateways),
    config,
    layout,
    clock,
    random,
    ids: createIdSource({ clock, random }),
    log: openPlatformLog({ file: layout.logFile, level: config.logLevel, role }),
    send: (message, socket) =>
      new Promise((resolve, reject) => {
        if (process.send === undefined) return resolve();
        process.send(message, socket, {}, (error) => (error === null ? resolve() : reject(error)));
      }),
  };
}
