/**
 * The world comes in by the front door: time, chance, environment, arguments and exit are injected,
 * not reached for. Also here: what shipped code never does at all.
 */
import { isExcepted, isShipped, placeOf, type House } from "../house.ts";
import {
  chainOf,
  child,
  children,
  flag,
  nameOf,
  text,
  walk,
  type Node,
  type Source,
} from "../syntax.ts";
import { violation, type Rule, type Violation } from "../violation.ts";

const CLOCK_READS =
  /^(globalThis\.)?(Date\.now|Math\.random|performance\.now|process\.hrtime(\.bigint)?)$/;
const TIMERS = /^(globalThis\.)?(setTimeout|setInterval)$/;
const PROCESS = /^(globalThis\.)?process\.(env|argv|exit|exitCode)$/;
const SIGNAL_HOOKS = /^(globalThis\.)?process\.(on|once|addListener)$/;
const TIMER_MODULES = new Set(["node:timers", "node:timers/promises"]);
const PROCESS_NAMES = new Set(["env", "argv", "exit"]);

interface Finding {
  readonly rule: Rule;
  readonly start: number;
  readonly message: string;
}

function clockFinding(node: Node): string | undefined {
  if (node.type === "MemberExpression" && CLOCK_READS.test(chainOf(node)))
    return `${chainOf(node)}: inject a Clock or Random from @skerry/base`;
  if (node.type === "CallExpression" && TIMERS.test(chainOf(child(node, "callee"))))
    return `${chainOf(child(node, "callee"))}: use the injected Clock's schedule()`;
  const now = node.type === "NewExpression" && children(node, "arguments").length === 0;
  return now && nameOf(child(node, "callee")) === "Date" ? "new Date(): inject a Clock" : undefined;
}

function processFinding(node: Node): string | undefined {
  const chain = node.type === "MemberExpression" ? chainOf(node) : "";
  if (PROCESS.test(chain)) return `${chain}: only apps/platform reads it; take it as an argument`;
  if (node.type !== "CallExpression" || !SIGNAL_HOOKS.test(chainOf(child(node, "callee"))))
    return undefined;
  const event = nameOf(children(node, "arguments")[0]);
  return event.startsWith("SIG") ? `${event}: only apps/platform handles signals` : undefined;
}

function isRecursiveRemoval(node: Node): boolean {
  if (node.type !== "CallExpression") return false;
  const name = chainOf(child(node, "callee")).split(".").at(-1) ?? "";
  if (name !== "rm" && name !== "rmSync") return false;
  return children(children(node, "arguments")[1], "properties").some(
    (one) => nameOf(child(one, "key")) === "recursive",
  );
}

function opensShell(node: Node): boolean {
  if (node.type !== "Property" || nameOf(child(node, "key")) !== "shell") return false;
  const value = child(node, "value");
  return value?.type === "Literal" && (flag(value, "value") || text(value, "value") !== "");
}

function throwsPlainError(node: Node): boolean {
  const thrown = node.type === "ThrowStatement" ? child(node, "argument") : undefined;
  const made = thrown?.type === "NewExpression" || thrown?.type === "CallExpression";
  return made && nameOf(child(thrown, "callee")) === "Error";
}

function shippedFinding(node: Node): Omit<Finding, "start"> | undefined {
  if (throwsPlainError(node))
    return {
      rule: "plain-error",
      message: "throw a declared reason (errors.ts), or assert for a bug",
    };
  if (node.type === "ExportAllDeclaration")
    return { rule: "export-star", message: "export names one by one" };
  if (opensShell(node)) return { rule: "shell", message: "no shell: pass an argument list" };
  return undefined;
}

/**
 * Module-level state outlives its user and is shared by tests: `let`, and maps that begin empty.
 */
function moduleState(statement: Node): boolean {
  const inner =
    statement.type === "ExportNamedDeclaration" ? child(statement, "declaration") : statement;
  if (inner?.type !== "VariableDeclaration") return false;
  if (["let", "var"].includes(text(inner, "kind"))) return true;
  return children(inner, "declarations").some((one) => {
    const value = child(one, "init");
    const isEmpty = value?.type === "NewExpression" && children(value, "arguments").length === 0;
    return isEmpty && ["Map", "WeakMap"].includes(nameOf(child(value, "callee")));
  });
}

function importFindings(source: Source, allowed: { clock: boolean; process: boolean }): Finding[] {
  return source.imports.flatMap(({ specifier, names, start }): Finding[] => {
    if (!allowed.clock && TIMER_MODULES.has(specifier))
      return [{ rule: "clock", start, message: `${specifier}: use the injected Clock` }];
    const reached = specifier === "node:process" && names.some((name) => PROCESS_NAMES.has(name));
    return reached && !allowed.process
      ? [{ rule: "process", start, message: "only apps/platform reads the process" }]
      : [];
  });
}

function checkSource(source: Source, house: House): Violation[] {
  const { exceptions } = house;
  const isApp = placeOf(source.path).kind === "app";
  const allowed = {
    clock: isApp || isExcepted(source.path, exceptions.clock),
    process: isApp || isExcepted(source.path, exceptions.process),
    removal: isApp || isExcepted(source.path, exceptions.removesTrees),
  };
  const found: Finding[] = importFindings(source, allowed);
  walk(source.program, (node) => {
    const { start } = node;
    const clock = allowed.clock ? undefined : clockFinding(node);
    if (clock !== undefined) found.push({ rule: "clock", start, message: clock });
    const process = allowed.process ? undefined : processFinding(node);
    if (process !== undefined) found.push({ rule: "process", start, message: process });
    if (!allowed.removal && isRecursiveRemoval(node))
      found.push({
        rule: "recursive-removal",
        start,
        message: "declare it in tools/tidy/layers.json",
      });
    const other = shippedFinding(node);
    if (other !== undefined) found.push({ ...other, start });
  });
  for (const statement of children(source.program, "body"))
    if (moduleState(statement))
      found.push({
        rule: "module-state",
        start: statement.start,
        message: "move it into a factory",
      });
  return found.map(({ rule, start, message }) =>
    violation(rule, { path: source.path, line: source.lineAt(start) }, message),
  );
}

/**
 * Rules `clock`, `process`, `plain-error`, `export-star`, `shell`, `recursive-removal`,
 * `module-state`.
 */
export function checkAmbient(sources: readonly Source[], house: House): readonly Violation[] {
  return sources
    .filter(({ path }) => isShipped(path))
    .flatMap((source) => checkSource(source, house));
}
