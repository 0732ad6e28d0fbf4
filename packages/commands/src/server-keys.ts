import type { ServerKeyResource } from "@skerry/api-schema";
import { confirm, fieldLines, readDuration, YES_FLAG, type Column } from "@skerry/terminal";
import { APP_FLAG } from "./app-scope.ts";
import type { Command } from "./command.ts";
import { printList } from "./print-list.ts";

const PAGE = 100;
const NAME = { name: "NAME", description: "The key's name within its app." };

const list: Command = {
  name: "server-keys ls",
  summary: "List the server keys of an app",
  args: [],
  flags: [APP_FLAG],
  examples: [{ line: "server-keys ls --app arena", says: "Without what they sign with." }],
  async run(call) {
    const { screen, client } = call;
    const params = { app: call.required("app") };
    return await printList(screen, COLUMNS, (cursor) =>
      client().listServerKeys({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

const create: Command = {
  name: "server-keys create",
  summary: "Make a key that game servers sign with, and tickets are issued with",
  about: ["What it signs with is shown this once."],
  args: [NAME],
  flags: [APP_FLAG],
  examples: [
    {
      line: "server-keys create players --app arena",
      says: "The one that tickets are issued with.",
    },
  ],
  async run(call) {
    const { screen, client } = call;
    const params = { app: call.required("app") };
    const made = await client().createServerKey({ params, body: { name: call.args[0] ?? "" } });
    if (screen.json) screen.printJson(made);
    else
      screen.print(
        ...fieldLines(
          [
            ["Key", made.id],
            ["Secret", made.secret],
          ],
          screen.style,
        ),
      );
    return 0;
  },
};

const revoke: Command = {
  name: "server-keys revoke",
  summary: "Revoke a server key, and all tickets that were issued with it",
  args: [NAME],
  flags: [APP_FLAG, YES_FLAG],
  examples: [{ line: "server-keys revoke players --app arena --yes", says: "Without asking." }],
  async run(call) {
    const { screen, client } = call;
    const app = call.required("app");
    const serverKey = call.args[0] ?? "";
    const question = `Revoke the server key ${serverKey} of ${app}, and its tickets?`;
    await confirm(call, { what: serverKey, question });
    await client().deleteServerKey({ params: { app, serverKey } });
    screen.printDone({ revoked: serverKey, app }, `Revoked ${serverKey} of ${app}.`);
    return 0;
  },
};

const issue: Command = {
  name: "tickets issue",
  summary: "Issue a ticket with which a player's client may run actions",
  about: ["The client names the ticket and signs with the secret; docs/actions.md says how."],
  args: [],
  flags: [
    APP_FLAG,
    { name: "player", value: "ID", description: "Who it is for. Required." },
    { name: "ttl", value: "TIME", description: "How long it holds. Default 1h." },
    { name: "server-key", value: "NAME", description: "Issue it with this one. Default players." },
  ],
  examples: [{ line: "tickets issue --app arena --player ada --ttl 1h", says: "For an hour." }],
  async run(call) {
    const { screen, client, flag } = call;
    const params = { app: call.required("app") };
    const player = call.required("player");
    const [ttl, key] = [flag("ttl"), flag("server-key")];
    const named = { command: "tickets issue", flag: "--ttl" };
    const issued = await client().issueTicket({
      params,
      body: {
        player,
        ...(ttl === undefined ? {} : { ttlMs: readDuration(ttl, named) }),
        ...(key === undefined ? {} : { key }),
      },
    });
    if (screen.json) screen.printJson(issued);
    else {
      const { ticket, secret, expiresAt } = issued;
      const fields = [
        ["Ticket", ticket],
        ["Secret", secret],
        ["Expires", expiresAt],
      ] as const;
      screen.print(...fieldLines(fields, screen.style));
    }
    return 0;
  },
};

const COLUMNS: readonly Column<ServerKeyResource>[] = [
  { title: "KEY", text: ({ name }) => name },
  { title: "ID", text: ({ id }) => id },
  { title: "CREATED", text: ({ createdAt }) => createdAt },
];

export const SERVER_KEY_COMMANDS: readonly Command[] = [list, create, revoke, issue];
