/**
 * The world outside the platform, in which functions do what cannot be undone: each run of `effect`
 * says so to this server, which counts it before the run has an answer.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { SourceFiles } from "@skerry/testkit";

/** One run; `made` is drawn by it. */
export interface Effect {
  readonly name: string;
  readonly made: string;
}

export const EFFECT: SourceFiles = {
  "index.ts": `
export async function handler({ name }: { readonly name: string }): Promise<object> {
  const { EFFECTS_HOST, EFFECTS_PORT } = process.env;
  const effect = { name, made: crypto.randomUUID() };
  const asked = { method: "POST", body: JSON.stringify(effect) };
  const { ok } = await fetch("http://" + EFFECTS_HOST + ":" + EFFECTS_PORT + "/", asked);
  if (!ok) throw new TypeError("not counted");
  return effect;
}
`,
};

export class Effects implements AsyncDisposable {
  /** What was made under each name, in order. */
  readonly made = new Map<string, string[]>();
  readonly #server = createServer((request, response) => {
    void text(request).then((body) => {
      // What a kill cut off is no request.
      if (!request.complete) return;
      const { name, made } = JSON.parse(body) as Effect;
      this.made.set(name, [...(this.made.get(name) ?? []), made]);
      response.end();
    }, ignored);
  });

  async listen(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get address(): string {
    const { port } = this.#server.address() as AddressInfo;
    assert.ok(port > 0);
    return `127.0.0.1:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

function ignored(): void {
  // Its caller died.
}
