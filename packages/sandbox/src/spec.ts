/** Checks a specification before anything of it reaches a command line. Pure. */
import { posix } from "node:path";
import { fail } from "./errors.ts";
import type { SandboxLimits, SandboxMount, SandboxSpec } from "./ports.ts";

const ID = /^[a-z0-9_]{1,64}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** What the sandbox itself lays out; a mount over it would undo a wall. */
const RESERVED = ["/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev", "/tmp"];
/** Linux takes at most 128 KiB in one argument or variable (MAX_ARG_STRLEN). */
const TEXT_CHARACTERS_MAX = 131_071;
const LIMIT_MAX = Number.MAX_SAFE_INTEGER;
/** What `ulimit -f` counts in (POSIX). */
export const FILE_BLOCK_BYTES = 512;

/** Throws SANDBOX_SPEC_INVALID with the first problem found. */
export function assertSpec(spec: SandboxSpec): void {
  const problem =
    idProblem(spec.id) ??
    commandProblem(spec.command) ??
    environmentProblem(spec.env) ??
    pathProblem("cwd", spec.cwd) ??
    spec.mounts.map(mountProblem).find((found) => found !== undefined) ??
    limitProblem(spec.limits);
  if (problem !== undefined) throw fail("SANDBOX_SPEC_INVALID", { problem });
}

function idProblem(id: string): string | undefined {
  return ID.test(id) ? undefined : "the id must match [a-z0-9_]{1,64}";
}

function textProblem(what: string, text: string): string | undefined {
  if (text.includes("\0")) return `${what} holds a NUL character`;
  if (text.length > TEXT_CHARACTERS_MAX) return `${what} is longer than 128 KiB`;
  return undefined;
}

function commandProblem(command: readonly string[]): string | undefined {
  const [program] = command;
  if (program === undefined) return "the command is empty";
  return (
    pathProblem("the program", program) ??
    command.map((part) => textProblem("an argument", part)).find((found) => found !== undefined)
  );
}

function environmentProblem(env: SandboxSpec["env"]): string | undefined {
  for (const [name, value] of Object.entries(env)) {
    if (!VARIABLE.test(name)) return "a variable's name must match [A-Za-z_][A-Za-z0-9_]*";
    const problem = textProblem(`the variable ${name}`, value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function pathProblem(what: string, path: string): string | undefined {
  if (!path.startsWith("/")) return `${what} must be an absolute path`;
  if (posix.normalize(path) !== path) return `${what} must be a plain path without . or ..`;
  return textProblem(what, path);
}

function mountProblem(mount: SandboxMount): string | undefined {
  const { source, target } = mount;
  const problem =
    pathProblem("a mount's source", source) ?? pathProblem("a mount's target", target);
  if (problem !== undefined) return problem;
  const reserved = RESERVED.find((path) => target === path || target.startsWith(`${path}/`));
  if (target === "/" || reserved !== undefined) {
    return `a mount's target may not be ${reserved ?? "/"}, which the sandbox lays out itself`;
  }
  return undefined;
}

function limitProblem(limits: SandboxLimits): string | undefined {
  const bounds: Readonly<Record<keyof SandboxLimits, readonly [number, number]>> = {
    fileBytesMax: [FILE_BLOCK_BYTES, LIMIT_MAX],
    memoryBytes: [4 * 1024 * 1024, LIMIT_MAX],
    processesMax: [1, 4_194_304],
    openFilesMax: [16, 1_048_576],
    cpuShares: [1, 10_000],
    tmpBytes: [4096, LIMIT_MAX],
  };
  for (const [name, [low, high]] of Object.entries(bounds)) {
    const value = limits[name as keyof SandboxLimits];
    if (name === "fileBytesMax" && value === undefined) continue;
    if (value !== undefined && Number.isSafeInteger(value) && value >= low && value <= high)
      continue;
    return `the limit ${name} must be a whole number from ${low} to ${high}`;
  }
  return undefined;
}
