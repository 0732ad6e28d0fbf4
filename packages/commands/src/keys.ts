import type { KeyResource } from "@skerry/api-schema";
import { ROLES } from "@skerry/contracts";
import { YES_FLAG, ageText, confirm, type Column } from "@skerry/terminal";
import type { Command } from "./command.ts";
import { printList } from "./print-list.ts";

const PAGE = 1_000;
const ROLES_TEXT = ROLES.join(", ");
const ROLE_DEFAULT = "developer";

const list: Command = {
  name: "keys ls",
  summary: "List keys; their secrets are stored nowhere",
  args: [],
  flags: [],
  examples: [{ line: "keys ls", says: "All keys of the account." }],
  async run({ screen, client, host }) {
    return await printList(screen, columns(host.clock.wallMs()), (cursor) =>
      client().listKeys({ query: { limit: PAGE, cursor } }),
    );
  },
};

const create: Command = {
  name: "keys create",
  summary: "Make a key and print it, once",
  about: [
    `A role is one of ${ROLES_TEXT}: viewers look, developers also deploy and call, operators also ` +
      "stop instances and read the audit, admins also make keys.",
    "Without --json the standard output carries the key alone, so that it can be caught in a variable.",
  ],
  args: [{ name: "NAME", description: "What it is for; shown by `skerry keys ls`." }],
  flags: [
    { name: "role", value: "ROLE", description: `One of ${ROLES_TEXT}. Default ${ROLE_DEFAULT}.` },
    { name: "apps", value: "APPS", description: "Confine it to these apps, joined by commas." },
  ],
  examples: [
    { line: "keys create ci --apps shop,images", says: "Deploys two apps." },
    { line: "keys create dashboard --role viewer", says: "Only looks." },
  ],
  async run({ args, flag, oneOf, screen, client }) {
    const apps = flag("apps")
      ?.split(",")
      .map((app) => app.trim());
    const created = await client().createKey({
      body: {
        name: args[0] ?? "",
        role: oneOf("role", ROLES) ?? ROLE_DEFAULT,
        apps: apps ?? null,
      },
    });
    if (screen.json) screen.printJson(created);
    else {
      screen.note(`Key ${created.id} (${created.role}). Nobody can show it again:`);
      screen.print(created.key);
    }
    return 0;
  },
};

const remove: Command = {
  name: "keys rm",
  summary: "Revoke a key",
  args: [{ name: "KEY-ID", description: "As `skerry keys ls` shows it." }],
  flags: [YES_FLAG],
  examples: [{ line: "keys rm key_01… --yes", says: "Without asking." }],
  async run(call) {
    const { args, screen, client } = call;
    const key = args[0] ?? "";
    await confirm(call, { what: key, question: `Revoke ${key}? Whoever uses it is refused.` });
    await client().deleteKey({ params: { key } });
    screen.printDone({ removed: key }, `Revoked ${key}.`);
    return 0;
  },
};

function columns(nowMs: number): readonly Column<KeyResource>[] {
  return [
    { title: "KEY", text: ({ id }) => id },
    { title: "NAME", text: ({ name }) => name, flexible: true },
    { title: "ROLE", text: (key) => key.role },
    { title: "APPS", text: ({ apps }) => apps?.join(", ") ?? "all", flexible: true },
    { title: "AGE", text: ({ createdAt }) => ageText(createdAt, nowMs), alignRight: true },
  ];
}

export const KEY_COMMANDS: readonly Command[] = [list, create, remove];
