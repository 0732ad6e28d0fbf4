/** How changes of this room are answered, and how its lists of numbers go on. */
import { EMPTY, json, readCursor, type Answer } from "@skerry/api-serving";
import { invalid } from "@skerry/contracts";
import type { ReleaseApiDeps } from "./ports.ts";
import type { Done } from "./recorded.ts";

/** Once it is in force, or with those that did not confirm it in time. */
export async function answered(
  { applied }: Pick<ReleaseApiDeps, "applied">,
  { signal }: { readonly signal: AbortSignal },
  { answer, seq }: Done,
): Promise<Answer> {
  const behind = await applied(seq, signal);
  return answer === null ? EMPTY : json({ ...answer, behind });
}

/** The number that a list of numbers goes on below. Throws INPUT_INVALID. */
export function below(cursor: string | undefined): number {
  const number = Number(readCursor(cursor, `${Number.MAX_SAFE_INTEGER}`));
  if (Number.isSafeInteger(number)) return number;
  throw invalid("query", ["cursor: this is no cursor of this list"]);
}
