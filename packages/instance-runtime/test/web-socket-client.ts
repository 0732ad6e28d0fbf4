/**
 * The far end of a WebSocket over an instance's link, as the gateway passes it on. For tests only.
 */
import assert from "node:assert/strict";
import type { Instance, OpenRequest } from "./harness.ts";
import { serverFrames } from "./web-socket-frames.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const HEADERS = ["connection", "Upgrade", "upgrade", "websocket", "sec-websocket-key", KEY];
export const UPGRADE = { p: "websocket", ms: 60_000 };

/** The client's end of a socket. */
export class Client {
  readonly request: OpenRequest;
  /** Resolves with all that came, or with nothing when the server broke off. */
  readonly ended: Promise<Buffer>;

  constructor(request: OpenRequest) {
    this.request = request;
    this.ended = request.finished.catch(() => Buffer.alloc(0));
  }

  static async open(
    instance: Instance,
    { headers = [], autoGrant = true }: { headers?: string[]; autoGrant?: boolean } = {},
  ): Promise<Client> {
    const asked = { headers: [...HEADERS, ...headers], upgrade: UPGRADE };
    const client = new Client(instance.open(asked, true, autoGrant));
    const { s } = await client.request.replied;
    assert.equal(s, 101);
    return client;
  }

  send(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.request.stream.write(frame);
  }

  /** From now on takes what the server sends, as fast as it comes. */
  take(instance: Instance): void {
    let granted = 0;
    const more = (): boolean => {
      const received = this.request.received();
      this.request.stream.grant(received - granted);
      granted = received;
      return this.request.stream.closed;
    };
    instance.until(more).catch(() => undefined);
  }

  /** Everything the server sent until it ended, as text where it is text. */
  async end(): Promise<unknown[]> {
    const bytes = await this.ended;
    this.request.stream.end();
    return framesOf(bytes);
  }

  /** What it has sent until now, in the same words. */
  heard(): unknown[] {
    return framesOf(this.request.bytes());
  }
}

function framesOf(bytes: Buffer): unknown[] {
  return serverFrames(bytes).map(({ opcode, payload }) => {
    if (opcode === 1) return payload.toString();
    if (opcode !== 8) return { opcode, payload: payload.toString("latin1") };
    return payload.length === 0 ? [] : [payload.readUInt16BE(), payload.toString("utf8", 2)];
  });
}
