/** What every rule answers with. */

/** The rules by name. Each has a planted violation in tidy.test.ts; the compiler checks that. */
export type Rule =
  | "clock"
  | "cycle"
  | "deep-import"
  | "disable-reason"
  | "exact-version"
  | "export-star"
  | "file-length"
  | "file-name"
  | "function-length"
  | "layer"
  | "layer-type-only"
  | "line-length"
  | "lock"
  | "machine-path"
  | "module-state"
  | "package-shape"
  | "package-size"
  | "phantom"
  | "plain-error"
  | "process"
  | "purity"
  | "ratchet"
  | "reason"
  | "reasons"
  | "recursive-removal"
  | "registry-host"
  | "shell"
  | "syntax"
  | "test-mock"
  | "test-only"
  | "test-retry"
  | "test-sleep"
  | "todo"
  | "word";

export interface Violation {
  readonly rule: Rule;
  readonly path: string;
  /** From 1; 0 speaks of the whole file. */
  readonly line: number;
  readonly message: string;
  /** The measured size for a red line, else 1; the allow-list counts in it. */
  readonly amount: number;
}

export function violation(
  rule: Rule,
  at: { path: string; line?: number },
  message: string,
): Violation {
  return { rule, path: at.path, line: at.line ?? 0, message, amount: 1 };
}
