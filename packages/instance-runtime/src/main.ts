/**
 * The bootstrap of an instance: bundled into one file, started with the link on descriptor 3. It is
 * silent until it is spoken to and ends with its link. Everything process-wide is wired here:
 * console, environment, crash handling.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { Socket } from "node:net";
import { getBuiltinModule } from "node:process";
import { systemClock } from "@skerry/base";
import { bufferText, Link, socketPipe } from "@skerry/link";
import { Call } from "./call.ts";
import { RUNTIME_LINK_FD, warmKindOf } from "./node-flags.ts";
import { redirectConsole } from "./console.ts";
import { watchCrashes } from "./crash.ts";
import type { Surroundings } from "./ports.ts";
import { openReach } from "./reach/reach.ts";
import { createRuntime } from "./runtime.ts";
import { createLoader, scrubEnv } from "./specialise.ts";
import { stdoutLines } from "./stdout.ts";
import { Tidy } from "./tidy.ts";
import { warmUp } from "./warm-up.ts";

async function main(): Promise<void> {
  scrubEnv(process.env);
  const clock = systemClock();
  const atTurnEnd = (run: () => void): void => void setImmediate(run);
  const owners = new AsyncLocalStorage<{ readonly id: string }>();
  const lines = stdoutLines(process, clock, atTurnEnd);
  const surroundings: Surroundings = {
    clock,
    atTurnEnd,
    log: (level, message, requestId) =>
      lines.line(level, message, requestId ?? owners.getStore()?.id),
    runAs: (owner, work) => owners.run(owner, work),
    openStream: (head, request, handler) => link.open(head, request, handler),
    askToEnd: (requestId) => {
      const found = link.findHandler((one) => one instanceof Call && one.id === requestId);
      if (found instanceof Call) found.askToEnd();
    },
  };
  redirectConsole(console, surroundings.log);
  const exitWithLogs = watchCrashes(process, surroundings.log, lines);
  const runtimePath = process.argv[1] ?? "";
  const reach = await openReach({
    ...surroundings,
    link: () => link,
    idNow: () => owners.getStore()?.id,
    host: { global: globalThis, env: process.env, loadHttp: () => getBuiltinModule("node:http") },
  });
  const kind = warmKindOf(process.argv.slice(2));
  if (kind !== "none") await warmUp({ surroundings, kind, runtimePath });
  const runtime = createRuntime(
    surroundings,
    createLoader({
      clock,
      runtimePath,
      env: process.env,
      changeDirectory: (directory) => process.chdir(directory),
      log: surroundings.log,
      exit: exitWithLogs,
      prepare: (head) => reach.prepare(head),
    }),
    async (head) => {
      const { createRunCommand } = await import("./program/run-command.ts");
      return await createRunCommand(process.env)(head);
    },
  );
  const isCall = (handler: unknown): boolean => handler instanceof Call;
  const tidy = new Tidy({ clock, isBusy: () => link.findHandler(isCall) !== undefined });
  const pipe = socketPipe(new Socket({ fd: RUNTIME_LINK_FD, readable: true, writable: true }));
  const link: Link = new Link(
    { pipe, clock, text: bufferText(Buffer), scheduleFlush: atTurnEnd },
    {
      side: "acceptor",
      peer: "platform",
      hello: { role: "instance", runtimeBuild: process.version, takesLastWord: 1, tidies: 1 },
      accept: (opened) => {
        tidy.noteWork();
        return runtime.accept(opened);
      },
      onLastWord: (text) => {
        tidy.noteWork();
        runtime.takeLastWord(text);
      },
      onHello: ({ facts }) => reach.line.greeted(facts),
      onClosed: () => exitWithLogs(0),
    },
  );
}

void main();
