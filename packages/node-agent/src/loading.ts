/**
 * Loads the code of a process that was claimed, and lets its link go to a gateway. Where the
 * runtime can, the link travels while the code loads (ADR 0002): the gateway is then the one that
 * hears what came of it and says so here. The time that loading may take is kept here, so that it
 * holds whatever becomes of the gateway. Code that ends, or breaks its link, has not come up.
 */
import type { Clock, InstanceId } from "@skerry/base";
import {
  loadedGrant,
  readSpecialiseReply,
  type InstanceGrant,
  type SpecialiseHead,
  type SpecialiseReply,
} from "@skerry/contracts";
import type { Sandbox } from "@skerry/sandbox";
import { fail } from "./errors.ts";
import { initFailureOf } from "./init-failure.ts";
import type { RuntimeProcess } from "./runtime-process.ts";

/** A process that is to become an instance. */
export interface Load {
  readonly process: RuntimeProcess;
  readonly head: SpecialiseHead;
  readonly initTimeoutMs: number;
  /** As far as it is known before the code is loaded. */
  readonly grant: InstanceGrant;
  /** Counts the instance among the living and sends its link to its gateway. */
  handOver(grant: InstanceGrant, socket: Sandbox["link"]): Promise<void>;
}

export class Loading {
  readonly #clock: Clock;
  readonly #heard = new Map<InstanceId, (reply: SpecialiseReply) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What a gateway heard; ignored for instances that nobody waits for. */
  heard(instanceId: InstanceId, reply: unknown): void {
    this.#heard.get(instanceId)?.(readSpecialiseReply(reply));
  }

  /** What loading came to; throws what `handOver` throws. */
  async load(load: Load): Promise<SpecialiseReply> {
    return load.process.takesLastWord ? await this.#loadOnTheWay(load) : await loadFirst(load);
  }

  async #loadOnTheWay(load: Load): Promise<SpecialiseReply> {
    const { process, initTimeoutMs, grant } = load;
    const answered = attempt(this.#replyOf(process, initTimeoutMs));
    const told = attempt(process.tellAndRelease(load.head));
    // A head can be larger than what the kernel takes for a runtime that does not read.
    const unread = answered.then((reply) => (reply.ok ? told : reply));
    const released = await Promise.race([told, unread]);
    if (!released.ok) return await initFailureOf(process, released.error, initTimeoutMs);
    await load.handOver({ ...grant, loading: true }, released.value);
    const reply = await answered;
    return reply.ok ? reply.value : await initFailureOf(process, reply.error, initTimeoutMs);
  }

  /**
   * Throws RUNTIME_SILENT when nothing is heard in time, RUNTIME_ENDED when its process is gone.
   */
  async #replyOf(
    { id, sandbox }: Pick<RuntimeProcess, "id" | "sandbox">,
    timeoutMs: number,
  ): Promise<SpecialiseReply> {
    const { promise, resolve, reject } = Promise.withResolvers<SpecialiseReply>();
    const cancel = this.#clock.schedule(timeoutMs, () => {
      reject(fail("RUNTIME_SILENT", { timeoutMs }));
    });
    this.#heard.set(id, resolve);
    void sandbox.exited.then(() => reject(fail("RUNTIME_ENDED", {})));
    try {
      return await promise;
    } finally {
      cancel();
      this.#heard.delete(id);
    }
  }
}

async function loadFirst(load: Load): Promise<SpecialiseReply> {
  const { process, head, initTimeoutMs, grant } = load;
  const question = { head, timeoutMs: initTimeoutMs, bodyBytesMax: 0 };
  const loaded = await attempt(
    process.ask(question).then(async (answer) => {
      const reply = readSpecialiseReply(answer.head);
      return reply.ok ? { reply, socket: await process.releaseLink() } : { reply };
    }),
  );
  if (!loaded.ok) return await initFailureOf(process, loaded.error, initTimeoutMs);
  const { reply, socket } = loaded.value;
  if (!reply.ok || socket === undefined) return reply;
  await load.handOver(loadedGrant(grant, reply), socket);
  return reply;
}

type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

async function attempt<T>(work: Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await work };
  } catch (error) {
    return { ok: false, error };
  }
}
