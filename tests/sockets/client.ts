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
