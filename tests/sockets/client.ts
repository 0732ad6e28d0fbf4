import assert from "node:assert/strict";
import { until } from "@skerry/testkit";

/** A client that remembers what it heard. */
export class Client {
  readonly heard: (string | number)[] = [];
  readonly closed: Promise<{ code: number; reason: string; wasClean: boolean }>;
  readonly socket: WebSocket;
  isOpen = false;

  constructor(url: string, options: ConstructorParameters<typeof WebSocket>[1] = []) {
    this.socket = new WebSocket(url, options);
    this.socket.binaryType = "arraybuffer";
    this.socket.addEventListener("open", () => (this.isOpen = true));
    this.socket.addEventListener("message", ({ data }) => {
      this.heard.push(typeof data === "string" ? data : (data as ArrayBuffer).byteLength);
    });
    this.closed = new Promise((resolve) => {
      this.socket.addEventListener("close", ({ code, reason, wasClean }) =>
        resolve({ code, reason, wasClean }),
      );
    });
  }

  async hears(what: string | number): Promise<void> {
    await until(`hearing ${what}`, () => this.heard.includes(what));
  }

  /** The first thing that a room says: its instance. */
  async instance(): Promise<string | number> {
    return await until("the greeting", () => this.heard[0]);
  }

  async close(): Promise<void> {
    this.socket.close(1000);
    await this.closed;
  }
}

/** What a room does in any language: it agrees, gives text and bytes back, and answers a Close. */
export async function talkWith(room: string): Promise<void> {
  const client = new Client(room, ["room.v0", "room.v1"]);
  await client.instance();
  assert.equal(client.socket.protocol, "room.v1");
  client.socket.send("grüezi");
  await client.hears("grüezi");
  client.socket.send(new Uint8Array(300_000));
  await client.hears(300_000);
  client.socket.close(4_001, "done");
  assert.deepEqual(await client.closed, { code: 4_001, reason: "", wasClean: true });
}
