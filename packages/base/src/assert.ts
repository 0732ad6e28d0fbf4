/**
 * A bug in the platform itself. Never caught except at the process edge, which logs it and exits.
 */
export class ProgrammerError extends Error {
  override name = "ProgrammerError";
}

/** Throws a ProgrammerError unless `condition` holds. For invariants, never for user input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new ProgrammerError(message);
}

/** Closes an exhaustive switch: a new union member that is not handled becomes a type error. */
export function unreachable(value: never): never {
  throw new ProgrammerError(`unreachable case: ${String(value)}`);
}
