/** One call of an authorizer: an event for a function, and what it answers, bounded in time. */
import type { Clock, IdSource, PlatformError } from "@skerry/base";
import {
  HOST_SUFFIX,
  readAuthorizerAnswer,
  type AuthorizerAnswer,
  type AuthorizerEvent,
} from "@skerry/contracts";
import type { AnswerHead, AnswerSink } from "@skerry/http";
import type { FoundFunction, Functions, RoutedCall } from "../ports.ts";

export interface CallDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly functions: Functions;
}

export interface AuthorizerAsk {
  readonly fn: FoundFunction;
  /** `FN.APP`, as its URLs name it. */
  readonly named: string;
  readonly event: AuthorizerEvent;
  readonly timeoutMs: number;
}

const ANSWER_BYTES_MAX = 8 << 10;

/** Rejects with why there is no answer that counts. */
export async function askAuthorizer(
  { clock, ids, functions }: CallDeps,
  { fn, named, event, timeoutMs }: AuthorizerAsk,
): Promise<AuthorizerAnswer> {
  const answer = new GatheredAnswer();
  const request = {
    ...{ id: ids.requestId(), method: "EVENT", url: "/", authority: `${named}${HOST_SUFFIX}` },
    ...{ headers: ["content-type", "application/json"], bodyBytesMax: undefined, trace: undefined },
    body: Buffer.from(JSON.stringify(event)),
  };
  let call: RoutedCall | undefined;
  const cancel = clock.schedule(
    timeoutMs,
    () => {
      answer.giveUp(`no answer within ${timeoutMs} ms`);
      call?.abandon();
    },
    { background: true },
  );
  try {
    call = functions.call(fn, request, answer);
    return readAnswer(await answer.whenWhole);
  } finally {
    cancel();
  }
}

function readAnswer(text: string): AuthorizerAnswer {
  const read = readAuthorizerAnswer(JSON.parse(text));
  if (typeof read !== "string") return read;
  throw new DOMException(`it answered something else: ${read}`);
}

/** Keeps what a function answers, as far as an authorizer may. */
class GatheredAnswer implements AnswerSink {
  readonly #parts: Uint8Array[] = [];
  readonly #whole = Promise.withResolvers<string>();
  #bytes = 0;
  #isGone = false;

  constructor() {
    // It may fail before anybody waits for it.
    this.#whole.promise.catch(() => undefined);
  }

  get whenWhole(): Promise<string> {
    return this.#whole.promise;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  whole(head: AnswerHead, body: Uint8Array): void {
    this.begin(head);
    this.write(body);
    this.end();
  }

  fail(error: PlatformError): void {
    this.#isGone = true;
    this.#whole.reject(error);
  }

  begin({ status }: AnswerHead): void {
    if (status !== 200) this.giveUp(`it answered with status ${status}`);
  }

  write(part: Uint8Array): boolean {
    this.#bytes += part.length;
    if (this.#bytes > ANSWER_BYTES_MAX)
      this.giveUp(`it answered more than ${ANSWER_BYTES_MAX} bytes`);
    // The bytes may be used again by whoever wrote them.
    else this.#parts.push(Uint8Array.from(part));
    return true;
  }

  async drained(): Promise<void> {
    // It always takes more.
  }

  end(): void {
    this.#isGone = true;
    this.#whole.resolve(Buffer.concat(this.#parts).toString("utf8"));
  }

  reset(): void {
    this.giveUp("its answer broke off");
  }

  giveUp(why: string): void {
    this.#isGone = true;
    this.#whole.reject(new DOMException(why));
  }
}
