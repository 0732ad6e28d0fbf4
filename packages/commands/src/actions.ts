import type { ActionResource } from "@skerry/api-schema";
import { confirm, fieldLines, showable, YES_FLAG, type Column } from "@skerry/terminal";
import { showEnd } from "./accepted-invocation.ts";
import { APP_FLAG, printRemoved } from "./app-scope.ts";
import type { Command, CommandCall } from "./command.ts";
import { printList } from "./print-list.ts";
import { readPayload } from "./invoke.ts";

const PAGE = 100;
const NAME = { name: "NAME", description: "The action's name within its app." };

const list: Command = {
  name: "actions ls",
  summary: "List the actions of an app and what runs them",
  args: [],
  flags: [APP_FLAG],
  examples: [{ line: "actions ls --app arena", says: "With the next tick of their timers." }],
  async run(call) {
    const { screen, client } = call;
    const params = { app: call.required("app") };
    return await printList(screen, COLUMNS, (cursor) =>
      client().listActions({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

const show: Command = {
  name: "actions show",
  summary: "Show an action: its function, its drives and their trigger ids",
  args: [NAME],
  flags: [APP_FLAG],
  examples: [{ line: "actions show daily-reset --app arena", says: "What runs it, and when." }],
  async run(call) {
    const { screen, client } = call;
    const action = await client().getAction({ params: paramsOf(call) });
    if (screen.json) screen.printJson(action);
    else {
      const { app, name, function: fn, description, triggerIds } = action;
      screen.print(
        screen.style.bold(`${app}/${name}`),
        ...fieldLines(
          [
            ["Function", fn],
            ["Description", showable(description)],
            ["Drives", triggerIds],
            ["Next", nextOf(action)],
            ["Made by", action.madeBy ?? "hand"],
          ],
          screen.style,
        ),
      );
    }
    return 0;
  },
};

const run: Command = {
  name: "actions run",
  summary: "Run an action whose drives name `manual`",
  about: ["Prints the execution id, once the run is on disk; --wait waits for its end."],
  args: [NAME],
  flags: [
    APP_FLAG,
    {
      name: "data",
      short: "d",
      value: "JSON",
      description: "The event: JSON or @FILE. Default null.",
    },
    { name: "wait", description: "Wait for the end, and print the result." },
  ],
  examples: [
    {
      line: `actions run grant --app arena -d '{"coins":50}' --wait`,
      says: "With an event.",
    },
  ],
  async run(call) {
    const { screen, client, flag, isOn } = call;
    const params = paramsOf(call);
    const isTold = flag("data") !== undefined;
    const body = isTold ? { event: await readPayload({ ...call, args: [] }) } : {};
    const made = await client().runAction({ params, body });
    if (isOn("wait")) {
      screen.note(screen.errorStyle.dim(`accepted ${made.executionId} by ${made.triggerId}`));
      return await showEnd(call, made.invocationId);
    }
    if (screen.json) screen.printJson(made);
    else screen.print(made.executionId);
    return 0;
  },
};

const remove: Command = {
  name: "actions rm",
  summary: "Remove an action with its timer and its rule",
  args: [NAME],
  flags: [APP_FLAG, YES_FLAG],
  examples: [{ line: "actions rm daily-reset --app arena --yes", says: "Without asking." }],
  async run(call) {
    const { screen, client } = call;
    const params = paramsOf(call);
    const question = `Remove the action ${params.action} of ${params.app}?`;
    await confirm(call, { what: params.action, question });
    await client().deleteAction({ params });
    printRemoved(screen, params.app, params.action);
    return 0;
  },
};

/** Throws ARGUMENT_MISSING. */
function paramsOf(call: CommandCall) {
  return { app: call.required("app"), action: call.args[0] ?? "" };
}

function drivesOf({ drives }: ActionResource): string {
  const { timer, event, game, manual } = drives;
  const told = [
    timer === undefined ? "" : `timer ${String(timer["cron"] ?? timer["at"])}`,
    event === undefined ? "" : "event",
    game === undefined ? "" : `game (${game.ticket})`,
    manual ? "manual" : "",
  ];
  return told.filter((one) => one !== "").join(", ");
}

function nextOf({ nextAt, pausedBecause }: ActionResource): string {
  return pausedBecause === null ? (nextAt ?? "") : "paused: no function";
}

const COLUMNS: readonly Column<ActionResource>[] = [
  { title: "ACTION", text: ({ name }) => name },
  { title: "FUNCTION", text: (action) => action.function },
  { title: "DRIVES", text: drivesOf, flexible: true },
  { title: "NEXT", text: nextOf },
];

export const ACTION_COMMANDS: readonly Command[] = [list, show, run, remove];
