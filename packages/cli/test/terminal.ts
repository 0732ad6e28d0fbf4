/** Whole command lines in this process, on a terminal in memory. */
import { systemRandom } from "@skerry/base";
import type { Fetch } from "@skerry/sdk";
import { openMemoryTerminal, type MemoryTerminalOptions } from "@skerry/testkit";
import { FAKE_KEY } from "@skerry/testkit/clients";
import type { Host } from "../src/host.ts";
import { runCommandLine } from "../src/run.ts";

export interface TerminalOptions extends MemoryTerminalOptions {
  /** Of the fake platform; API and gateway are one. */
  readonly url: string;
  readonly fetch?: Fetch;
}

export interface TerminalResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runOnTerminal(
  args: readonly string[],
  { url, fetch = globalThis.fetch, ...options }: TerminalOptions,
): Promise<TerminalResult> {
  const own = { SKERRY_API: url, SKERRY_GATEWAY: url, SKERRY_KEY: FAKE_KEY };
  const terminal = openMemoryTerminal({ ...options, env: { ...own, ...options.env } });
  const host: Host = {
    ...terminal.host,
    ...{ defaultHome: "/nonexistent", version: "1.2.3", fetch, random: systemRandom() },
    watch: () => () => undefined,
    startPlatform: () => Promise.reject(new TypeError("no test starts a platform here")),
  };
  const exitCode = await runCommandLine(args, host);
  return { exitCode, ...terminal.written };
}
