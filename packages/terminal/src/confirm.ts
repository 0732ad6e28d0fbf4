import type { Flag, Given } from "./command.ts";
import { failCommand } from "./errors.ts";
import type { TerminalHost } from "./host.ts";

export const YES_FLAG: Flag = {
  name: "yes",
  short: "y",
  description: "Do not ask; required without a terminal.",
};

type Asking = Pick<TerminalHost, "stdinIsTerminal" | "stderr" | "ask">;

/** Asks on the terminal unless --yes was given. Throws CONFIRMATION_MISSING. */
export async function confirm(
  { host, isOn }: Pick<Given, "isOn"> & { readonly host: Asking },
  { what, question }: { readonly what: string; readonly question: string },
): Promise<void> {
  if (isOn("yes")) return;
  const canAsk = host.stdinIsTerminal && host.stderr.isTerminal;
  const answer = canAsk ? await host.ask(`${question} [y/N] `) : "";
  if (!/^y(es)?$/i.test(answer.trim())) throw failCommand("CONFIRMATION_MISSING", { what });
}
