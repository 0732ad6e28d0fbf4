/**
 * Makes the global console write log entries. Formatting, grouping, tables, timers and counters are
 * Node's own: one private Console writes into a port, and the global one's methods call it with the
 * level that the method stands for.
 */
import { Console } from "node:console";
import type { LogLevel } from "./log-lines.ts";

type Emit = (level: LogLevel, text: string) => void;
type ConsoleMethod = (...args: unknown[]) => void;

const LEVELS: Readonly<Record<string, LogLevel>> = {
  assert: "error",
  count: "info",
  countReset: "warn",
  debug: "debug",
  dir: "info",
  dirxml: "info",
  error: "error",
  group: "info",
  groupCollapsed: "info",
  groupEnd: "info",
  info: "info",
  log: "info",
  table: "info",
  time: "warn",
  timeEnd: "info",
  timeLog: "info",
  trace: "error",
  warn: "warn",
};

/** Redirects every printing method of `target`; each call that prints makes one entry. */
export function redirectConsole(target: typeof console, emit: Emit): void {
  let level: LogLevel = "info";
  const stream = {
    write(text: string): boolean {
      emit(level, text.endsWith("\n") ? text.slice(0, -1) : text);
      return true;
    },
  } as unknown as NodeJS.WritableStream;
  const printer = new Console({
    stdout: stream,
    stderr: stream,
    ignoreErrors: false,
    colorMode: false,
  }) as unknown as Record<string, ConsoleMethod>;
  for (const [name, own] of Object.entries(LEVELS)) {
    const print = (printer[name] as ConsoleMethod).bind(printer);
    const method = (...args: unknown[]): void => {
      const outer = level;
      level = own;
      try {
        print(...args);
      } finally {
        level = outer;
      }
    };
    Object.defineProperty(method, "name", { value: name });
    Object.defineProperty(target, name, {
      value: method,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
}
