/**
 * One cold start as a caller sees it, over a connection that stands. It asks a platform for no more
 * than every release has, so that releases can be compared.
 */
import { fetchOnce, until } from "@skerry/testkit";
import { openPlain } from "./plain-caller.ts";

export interface ColdCall {
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  readonly key: string;
  /** Of the function, which is asked with GET. */
  readonly path: string;
}

export interface ColdStart {
  readonly tookMs: number;
  /** Milliseconds by the names of the answer's Server-Timing. */
  readonly parts: Readonly<Record<string, number>>;
}

/** Stops all instances of the platform, waits for its pool, and asks. */
export async function startCold({ apiUrl, gatewayUrl, key, path }: ColdCall): Promise<ColdStart> {
  await stopInstances(apiUrl, key);
  await poolFull();
  using caller = await openPlain({ host: "127.0.0.1", port: Number(new URL(gatewayUrl).port) });
  const question = `GET ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${key}\r\n\r\n`;
  const startedMs = performance.now();
  const head = await caller.ask(question);
  const tookMs = performance.now() - startedMs;
  if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`${path}: ${head}`);
  return { tookMs, parts: partsOf(/^server-timing: (.*)$/im.exec(head)?.[1] ?? "") };
}

function partsOf(serverTiming: string): Readonly<Record<string, number>> {
  const parts = serverTiming.matchAll(/([a-z]+);dur=([0-9.]+)/g);
  return Object.fromEntries([...parts].map(([, name = "", value]) => [name, Number(value)]));
}

async function stopInstances(apiUrl: string, key: string): Promise<void> {
  const headers = { authorization: `Bearer ${key}` };
  const list = async (): Promise<readonly { readonly id: string }[]> => {
    const answer = await fetchOnce(`${apiUrl}/v1/instances`, { headers });
    return ((await answer.json()) as { readonly items: readonly { readonly id: string }[] }).items;
  };
  for (const { id } of await list()) {
    await fetchOnce(`${apiUrl}/v1/instances/${id}`, { method: "DELETE", headers });
  }
  await until("all instances are gone", async () => (await list()).length === 0);
}

/**
 * Blanks are not listed; a refill takes some tens of milliseconds of an otherwise quiet machine.
 */
function poolFull(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 400));
}
