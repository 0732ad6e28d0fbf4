import type { Screen } from "@skerry/terminal";

/** Says where a change that is done may not be in force yet. */
export function noteBehind(
  screen: Screen,
  { behind }: { readonly behind: readonly string[] },
): void {
  if (behind.length === 0) return;
  screen.note(
    `Not yet confirmed by ${behind.join(", ")}, where it may still be as before: ` +
      "`skerry status` shows who is behind.",
  );
}
