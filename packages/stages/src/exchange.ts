/** One request of a stage, with all that becomes known of it on its way. */
import type { Clock, IdSource, RequestId } from "@skerry/base";
import type { StageEntry } from "@skerry/contracts";
import { readBody } from "@skerry/http";
import { functionHeaders, readTrace, type RequestTrace } from "@skerry/requests";
import type { Hit } from "@skerry/response-cache";
import type { TemplateValues } from "@skerry/routes";
import { ClientSink } from "./client-sink.ts";
import { forwardedHeaders, type Client } from "./client-address.ts";
import type { GuardedRoute, Passed, RequestFacts } from "./guards/facts.ts";
import type { CameRequest, FoundFunction } from "./ports.ts";
import type { StageAddress } from "./stage-address.ts";

const NOTHING = (): void => undefined;
/** Longest upload of a body that a guard reads whole. */
const BODY_DEADLINE_MS = 60_000;

export class Exchange implements RequestFacts {
  /** With the target as routes see it. */
  readonly came: CameRequest;
  readonly address: StageAddress;
  readonly entry: StageEntry;
  readonly client: Client;
  readonly sink: ClientSink;
  readonly arrivedMs: number;
  readonly startWallMs: number;
  /** Path and query, as routes see them. */
  readonly url: string;
  readonly trace: RequestTrace | undefined;
  /** Undefined until its route is found. */
  guarded: GuardedRoute | undefined;
  params: Readonly<Record<string, string>> = {};
  passed: Passed = {};
  /** Runs once, when the answer or its connection has ended. */
  onClose: () => void = NOTHING;
  /** Another one that says the same may be led elsewhere. */
  isByChance = false;
  /** How it was answered at once with what is kept. */
  hit: Hit | undefined;
  /** The function that was asked last. */
  asked: { readonly name: string; readonly fn: FoundFunction } | undefined;
  readonly #clock: Clock;
  readonly #ids: Pick<IdSource, "requestId">;
  #calls = 0;
  #headers: readonly string[] | undefined;

  constructor(
    { clock, ids }: { readonly clock: Clock; readonly ids: Pick<IdSource, "requestId"> },
    { came, address, entry }: Pick<Exchange, "came" | "address" | "entry">,
    client: Client,
  ) {
    const { target } = address;
    this.#clock = clock;
    this.#ids = ids;
    this.came = { ...came, target };
    this.address = address;
    this.entry = entry;
    this.client = client;
    this.sink = new ClientSink(came.res, came.id);
    this.arrivedMs = clock.monotonicMs();
    this.startWallMs = clock.wallMs();
    this.url = target.rawQuery === "" ? target.rawPath : `${target.rawPath}?${target.rawQuery}`;
    this.trace = readTrace(came.req.headers);
  }

  get method(): string {
    return this.came.req.method ?? "GET";
  }

  /** The request's own id for its first invocation, and another for each that follows. */
  nextCallId(): RequestId {
    this.#calls += 1;
    return this.#calls === 1 ? this.came.id : this.#ids.requestId();
  }

  get clientIp(): string {
    return this.client.address;
  }

  /** Of the client, flat, without what belongs to its connection or to the platform. */
  get headers(): readonly string[] {
    this.#headers ??= forwardedHeaders(functionHeaders(this.came.req), this.client, this.address);
    return this.#headers;
  }

  /** It has a body that nobody has read yet. */
  get hasBody(): boolean {
    const { headers } = this.came.req;
    const length = headers["content-length"];
    return length === undefined ? headers["transfer-encoding"] !== undefined : length !== "0";
  }

  get values(): TemplateValues {
    const { target, authority } = this.address;
    return {
      ...{ params: this.params, variables: this.entry.variables, requestId: this.came.id },
      ...{ host: authority, path: target.rawPath, query: target.rawQuery },
      clientIp: this.clientIp,
    };
  }

  async readBody(limits: Parameters<RequestFacts["readBody"]>[0]): Promise<Uint8Array> {
    const whole = { ...limits, deadlineMs: BODY_DEADLINE_MS, clock: this.#clock };
    return await readBody(this.came.req, whole);
  }
}
