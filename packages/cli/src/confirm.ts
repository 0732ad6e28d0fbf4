import type { CommandCall, Flag } from "./command.ts";
import { fail } from "./errors.ts";

export const YES_FLAG: Flag = {
  name: "yes",
  short: "y",
  description: "Do not ask; required without a terminal.",
};

/** Asks on the terminal unless --yes was given. Throws CONFIRMATION_MISSING. */
export async function confirm(
  { host, isOn }: CommandCall,
  { what, question }: { readonly what: string; readonly question: string },
): Promise<void> {
  if (isOn("yes")) return;
  const canAsk = host.stdinIsTerminal && host.stderr.isTerminal;
  const answer = canAsk ? await host.ask(`${question} [y/N] `) : "";
  if (!/^y(es)?$/i.test(answer.trim())) throw fail("CONFIRMATION_MISSING", { what });
}
