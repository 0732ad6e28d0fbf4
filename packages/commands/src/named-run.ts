import type { Given, TerminalHost } from "@skerry/terminal";

/**
 * What the caller has named this run of a command, so that it may be repeated: `--idempotency-key`,
 * else SKERRY_IDEMPOTENCY_KEY, which counts as absent when it is empty.
 */
export function namedRunOf(
  { env }: Pick<TerminalHost, "env">,
  flag: Given["flag"],
): string | undefined {
  const named = env["SKERRY_IDEMPOTENCY_KEY"];
  return flag("idempotency-key") ?? (named === "" ? undefined : named);
}
