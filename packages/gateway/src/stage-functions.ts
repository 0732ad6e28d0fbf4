/** Functions as the door of gateway APIs asks for them. */
import { PlatformError, type Clock, type Random } from "@skerry/base";
import { failFunction, takesUpgrades, type ReplyHead } from "@skerry/contracts";
import type { AnswerSink } from "@skerry/http";
import { httpParts, platformHeaders } from "@skerry/requests";
import type {
  AskedFunction,
  CameRequest,
  FoundFunction,
  Functions,
  Leaving,
  RoutedCall,
  RoutedOnce,
  RoutedRequest,
} from "@skerry/stages";
import {
  type AliasTally,
  responseHeadersOf,
  type Shown,
  enter,
  HttpRecipient,
  Invocation,
  type Recipient,
  type SwitchedConnection,
  type SwitchedInit,
} from "@skerry/live-invocations";
import { failGateway } from "./errors.ts";
import { noteAsked } from "./front.ts";
import type { FunctionShell } from "./function-shell.ts";
import type { CallDoor } from "./ledger/call-door.ts";
import type { QualifiedFunction } from "./qualified-function.ts";
import type { RequestBodies } from "./request-bodies.ts";

export interface StageFunctionsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly requestBodies: RequestBodies;
  /** Makes calls under keys of their callers. */
  readonly keyed: Pick<CallDoor, "routesCall">;
  /** Undefined when the app has no such function. */
  functionIn(appId: string, name: string): QualifiedFunction | undefined;
  isReady(): boolean;
}

type Found = Pick<FoundShell, "shell" | "isByChance" | "qualifier" | "alias">;

/** A function that was found here, with what runs it. */
class FoundShell implements FoundFunction {
  readonly shell: FunctionShell;
  readonly isByChance: boolean;
  readonly qualifier: string;
  readonly alias: AliasTally | undefined;

  constructor({ shell, isByChance, qualifier, alias }: Found) {
    this.shell = shell;
    this.isByChance = isByChance;
    this.qualifier = qualifier;
    this.alias = alias;
  }

  get functionId() {
    return this.shell.entry.id;
  }
  get revisionId() {
    return this.shell.entry.latest.id;
  }
  get version() {
    return this.shell.version;
  }
  get config() {
    return this.shell.entry.latest.config;
  }
  get sourceDigest() {
    return this.shell.entry.latest.sourceDigest;
  }
  get isWarm() {
    const { instances, waiting } = this.shell.counts;
    return instances > 0 && waiting === 0;
  }
  get takesUpgrades() {
    return takesUpgrades(this.shell.entry.latest);
  }
}

export class StageFunctions implements Functions {
  readonly #deps: StageFunctionsDeps;
  /** Of versions, by chance. */
  #draws = 0;
  readonly #random: Random;

  constructor(deps: StageFunctionsDeps) {
    const { random } = deps;
    this.#deps = deps;
    this.#random = {
      bytes: (count) => random.bytes(count),
      float: () => {
        this.#draws += 1;
        return random.float();
      },
    };
  }

  find(
    { appId, app, fn, qualifier }: AskedFunction,
    { req, res, target }: CameRequest,
  ): FoundShell {
    const found = this.#deps.functionIn(appId, fn);
    if (found === undefined) {
      if (!this.#deps.isReady()) throw failGateway("GATEWAY_NOT_READY");
      throw failFunction("FUNCTION_NOT_FOUND", { function: `${app}/${fn}` });
    }
    const url = `${target.rawPath}?${target.rawQuery}`;
    const draws = this.#draws;
    const shell = found.shellFor(qualifier, httpParts(req, url, this.#random));
    noteAsked(res, shell.entry.id);
    const alias = found.tallyFor(qualifier);
    return new FoundShell({ shell, isByChance: this.#draws > draws, qualifier, alias });
  }

  call(fn: FoundFunction, request: RoutedRequest, to: AnswerSink): RoutedCall {
    const { clock, requestBodies } = this.#deps;
    const { shell, alias } = fn as FoundShell;
    const { once } = request;
    if (once !== undefined) return this.#callOnce(fn as FoundShell, { ...request, once }, to);
    const { id, method, url, authority, headers, trace, body, leaving } = request;
    const refusal = shell.admit();
    if (refusal !== undefined) throw refusal;
    const invocation = new Invocation(
      shell,
      {
        ...{ id, method, url, authority, headers, trace, alias, showsAnatomy: false },
        ...{ arrivedMs: clock.monotonicMs(), startWallMs: clock.wallMs() },
        upgrade: leaving?.upgrade.protocol,
      },
      new SinkRecipient(to, leaving, clock),
    );
    if (body === undefined || body instanceof Uint8Array) enter(shell, invocation, body ?? EMPTY);
    else requestBodies.take(body, { callee: shell, invocation, bytesMax: request.bodyBytesMax });
    return { abandon: () => invocation.clientLeft() };
  }

  /** Others may wait for its answer, or come for it: it runs on when its caller leaves. */
  #callOnce(
    { shell: callee, qualifier, alias }: FoundShell,
    request: RoutedRequest & { readonly once: RoutedOnce },
    to: AnswerSink,
  ): RoutedCall {
    const client = new SinkRecipient(to, undefined, this.#deps.clock);
    this.#deps.keyed
      .routesCall({ ...request, ...{ callee, qualifier, alias, client } })
      .catch((error: unknown) => to.fail(PlatformError.from(error)));
    return { abandon: () => undefined };
  }
}

const EMPTY = new Uint8Array(0);

/** An answer that goes on through the door. */
class SinkRecipient implements Recipient {
  readonly #to: AnswerSink;
  readonly #leaving: Leaving | undefined;
  readonly #clock: Clock;
  /** Set once the connection has left HTTP. */
  #switched: HttpRecipient | undefined;

  constructor(to: AnswerSink, leaving: Leaving | undefined, clock: Clock) {
    this.#to = to;
    this.#leaving = leaving;
    this.#clock = clock;
  }

  get isGone(): boolean {
    return this.#switched?.isGone ?? this.#to.isGone;
  }

  sendWhole({ head, body }: { readonly head: ReplyHead; readonly body: Uint8Array }): void {
    this.#to.whole({ status: head.s, headers: platformHeaders.responseHeaders(head.h) }, body);
  }

  sendFailure(error: PlatformError): void {
    this.#to.fail(error);
  }

  begin(head: ReplyHead): void {
    const { headers, contentLength } = responseHeadersOf(head);
    this.#to.begin({ status: head.s, headers }, contentLength);
  }

  switchProtocols(
    head: ReplyHead,
    shown: Shown,
    side: Pick<SwitchedInit, "owner" | "stream">,
  ): SwitchedConnection | undefined {
    if (this.#leaving === undefined) return undefined;
    const { res, upgrade, change, switched } = this.#leaving;
    const client = new HttpRecipient(res, { upgrade, clock: this.#clock });
    const connection = client.switchProtocols({ ...head, h: change(head.h) }, shown, side);
    this.#switched = client;
    switched();
    return connection;
  }

  write(part: Uint8Array): boolean {
    return this.#to.write(part);
  }

  async drained(): Promise<void> {
    await this.#to.drained();
  }

  end(last: Uint8Array): void {
    if (this.#switched !== undefined) return this.#switched.end(last);
    try {
      if (last.length > 0) this.#to.write(last);
      this.#to.end();
    } catch {
      // More bytes than announced: the sink has broken off.
    }
  }

  reset(): void {
    if (this.#switched !== undefined) return this.#switched.reset();
    this.#to.reset();
  }
}
