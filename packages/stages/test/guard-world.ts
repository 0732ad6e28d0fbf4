/** A guard with all that it asks in the test's hands. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { mintKey } from "@skerry/accounts";
import {
  createIdSource,
  PlatformError,
  seededRandom,
  silentLog,
  type RevisionId,
} from "@skerry/base";
import type { KeyEntry, Role, RouteInput } from "@skerry/contracts";
import { route } from "@skerry/contracts/schemas";
import { parseRequestTarget, readBody, type AnswerSink } from "@skerry/http";
import { KeyCheck } from "@skerry/requests";
import { HandClock } from "@skerry/testkit";
import type { GuardedRoute, Passed, RequestFacts } from "../src/guards/facts.ts";
import { createGuard, type Guard, type GuardDeps } from "../src/guards/guard.ts";
import type { FoundFunction, RoutedRequest } from "../src/ports.ts";

export interface Asked {
  readonly method?: string;
  readonly url?: string;
  /** Names and values, as they come. */
  readonly headers?: readonly (readonly [string, string])[];
  readonly ip?: string;
  readonly body?: string;
}

export interface AuthorizerCall {
  readonly fn: FoundFunction;
  readonly request: RoutedRequest;
  readonly answer: AnswerSink;
  isAbandoned: boolean;
}

/** Bodies of tests never take long. */
const BODY_IN_TIME = { deadlineMs: 60_000, clock: new HandClock() };

export class GuardWorld {
  readonly clock = new HandClock();
  readonly random = seededRandom(1);
  readonly ids = createIdSource({ clock: this.clock, random: this.random });
  readonly accountId = this.ids.id("acct");
  readonly keys = new Map<string, KeyEntry>();
  readonly calls: AuthorizerCall[] = [];
  /** The version to which every qualifier leads now. */
  revisionId: RevisionId = this.ids.id("rev");
  /** Thrown in place of a function. */
  missing: PlatformError | undefined;
  /** Thrown in place of a call. */
  refusing: PlatformError | undefined;
  readonly stage = {
    kind: "stage" as const,
    apiId: this.ids.id("api"),
    accountId: this.accountId,
    appId: this.ids.id("app"),
    ...{ app: "shop", api: "web", stage: "release", publication: 1 },
    ...{ qualifier: "live", variables: {} },
  };

  guard(more: Partial<GuardDeps> = {}): Guard {
    return createGuard({
      ...{ clock: this.clock, log: silentLog(), ids: this.ids, gateways: 1 },
      keys: new KeyCheck({ keyById: (id) => this.keys.get(id) }),
      functions: {
        find: ({ fn, qualifier }) => {
          if (this.missing !== undefined) throw this.missing;
          return this.#found(fn, qualifier);
        },
        call: (fn, request, answer) => {
          if (this.refusing !== undefined) throw this.refusing;
          const call = { fn, request, answer, isAbandoned: false };
          this.calls.push(call);
          return { abandon: () => void (call.isAbandoned = true) };
        },
      },
      connect: () => Promise.reject(new Error("nobody is asked here")),
      ...more,
    });
  }

  route(input: Partial<RouteInput>, publication = 1): GuardedRoute {
    const whole = route.parse({ path: "/a", to: { function: "page" }, ...input });
    return { stage: { ...this.stage, publication }, name: "a", route: whole };
  }

  key(role: Role, apps: readonly string[] | null = null): string {
    const id = this.ids.id("key");
    const { text, secretSha256 } = mintKey(id, this.random);
    this.keys.set(id, { kind: "key", id, accountId: this.accountId, role, apps, secretSha256 });
    return text;
  }

  facts({ method = "GET", url = "/a", headers = [], ip = "192.0.2.1", body }: Asked = {}) {
    const known: Record<string, string> = {};
    for (const [name, value] of headers) {
      const lower = name.toLowerCase();
      // As Node does: the first of a credential, cookies joined.
      if (lower === "cookie" && known[lower] !== undefined) known[lower] += `; ${value}`;
      else known[lower] ??= value;
    }
    const req = {
      method,
      headers: known,
      rawHeaders: headers.flat(),
    } as unknown as IncomingMessage;
    const target = parseRequestTarget(url);
    const came = { id: this.ids.requestId(), req, res: {} as ServerResponse, target };
    const come = Object.assign(Readable.from([Buffer.from(body ?? "")]), { headers: known });
    return {
      ...{ came, clientIp: ip, params: {} },
      readBody: (limits) =>
        readBody(come as unknown as IncomingMessage, { ...limits, ...BODY_IN_TIME }),
    } satisfies RequestFacts;
  }

  #found(fn: string, qualifier: string): FoundFunction {
    return {
      functionId: `fn_${fn}` as FoundFunction["functionId"],
      revisionId: this.revisionId,
      ...{
        version: qualifier === "$LATEST" ? undefined : 1,
        sourceDigest: "",
        isWarm: true,
        isByChance: false,
        takesUpgrades: false,
      },
      config: {} as FoundFunction["config"],
    };
  }
}

/** What a guard says of a request: `passed`, or the reason why not. */
export async function verdict(check: () => Passed | Promise<Passed>): Promise<string> {
  try {
    await check();
    return "passed";
  } catch (error) {
    return PlatformError.from(error).reason;
  }
}
