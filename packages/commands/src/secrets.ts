import { isUtf8 } from "node:buffer";
import type { SecretResource } from "@skerry/api-schema";
import { type Client } from "@skerry/sdk";
import {
  YES_FLAG,
  ageText,
  confirm,
  readInputFile,
  failCommand,
  type Column,
  type Flag,
} from "@skerry/terminal";
import type { Command, CommandCall } from "./command.ts";
import { fail } from "./errors.ts";
import { printList } from "./print-list.ts";

const PAGE = 1_000;

const APP_FLAG: Flag = {
  name: "app",
  value: "APP",
  description: "The app that the secret belongs to; without it, one of the whole account.",
};
/** For changes that must not meet another one. */
export const IF_MATCH_FLAG: Flag = {
  name: "if-match",
  value: "TAG",
  description: "Only if its tag is still this one, such as '\"3\"' for version 3.",
};

const NAME = { name: "NAME", description: "Lower-case letters, digits and hyphens." };

/** Both scopes have operations of their own. */
function operationsOf(
  client: Client,
  app: string | undefined,
): {
  list(query: { limit: number; cursor?: string | undefined }): ReturnType<Client["listSecrets"]>;
  put(
    secret: string,
    args: { body: { value: string }; ifMatch?: string },
  ): ReturnType<Client["putSecret"]>;
  remove(secret: string, args: { ifMatch?: string }): Promise<undefined>;
} {
  if (app === undefined) {
    return {
      list: (query) => client.listSecrets({ query }),
      put: (secret, args) => client.putSecret({ params: { secret }, ...args }),
      remove: (secret, args) => client.deleteSecret({ params: { secret }, ...args }),
    };
  }
  return {
    list: (query) => client.listAppSecrets({ params: { app }, query }),
    put: (secret, args) => client.putAppSecret({ params: { app, secret }, ...args }),
    remove: (secret, args) => client.deleteAppSecret({ params: { app, secret }, ...args }),
  };
}

const list: Command = {
  name: "secrets ls",
  summary: "List secrets; their values are shown to nobody",
  args: [],
  flags: [{ ...APP_FLAG, description: "Secrets of this app; else those of the whole account." }],
  examples: [
    { line: "secrets ls", says: "Those that every app may be given." },
    { line: "secrets ls --app shop", says: "Those of one app." },
  ],
  async run({ screen, client, host, flag }) {
    const operations = operationsOf(client(), flag("app"));
    return await printList(screen, columns(host.clock.wallMs()), (cursor) =>
      operations.list({ limit: PAGE, cursor }),
    );
  },
};

const set: Command = {
  name: "secrets set",
  summary: "Give a secret a value, which nobody can read again",
  about: [
    "The value comes from a file or from the standard input, never from the command line, which " +
      "others on the machine can see. One line end behind the value is taken off the standard " +
      "input; a file is taken as it is.",
    "A function gets it by `secrets: { DB_PASSWORD: db-password }` in its configuration. When the " +
      "value changes, its running instances are replaced without a failed request.",
  ],
  args: [NAME],
  flags: [
    APP_FLAG,
    { name: "from-file", value: "FILE", description: "Read the value from a file." },
    { name: "value-stdin", description: "Read the value from the standard input." },
    IF_MATCH_FLAG,
  ],
  examples: [
    { line: "secrets set db-password --app shop --value-stdin", says: "Typed, or from a pipe." },
    { line: "secrets set tls-key --from-file key.pem", says: "For every app." },
  ],
  async run(call) {
    const { args, screen, client, flag } = call;
    const value = await readValue(call);
    const made = await operationsOf(client(), flag("app")).put(args[0] ?? "", {
      body: { value },
      ...ifMatchOf(call),
    });
    screen.printDone(made, `Set ${textOf(made)}, version ${made.version}.`);
    return 0;
  },
};

const remove: Command = {
  name: "secrets rm",
  summary: "Remove a secret that no function asks for any more",
  args: [NAME],
  flags: [APP_FLAG, IF_MATCH_FLAG, YES_FLAG],
  examples: [{ line: "secrets rm old-token --app shop --yes", says: "Without asking." }],
  async run(call) {
    const { args, screen, client, flag } = call;
    const [name, app] = [args[0] ?? "", flag("app")];
    await confirm(call, { what: name, question: `Remove the secret ${name} for good?` });
    await operationsOf(client(), app).remove(name, ifMatchOf(call));
    screen.printDone(
      { removed: name, app: app ?? null },
      `Removed ${textOf({ name, app: app ?? null })}.`,
    );
    return 0;
  },
};

const FORMER_KEYS_KEPT =
  "Former keys are kept for now: a secret cannot be opened, or a node does not know yet. The " +
  "platform goes on by itself; its log says what is in the way.";

const rotate: Command = {
  name: "secrets rotate-key",
  summary: "Make a new master key and wrap every secret's own key with it",
  about: [
    "Values, versions and running instances stay as they are. It may be interrupted: the platform " +
      "goes on by itself, and both keys open until it is done.",
  ],
  args: [],
  flags: [],
  examples: [{ line: "secrets rotate-key", says: "While everything runs." }],
  async run({ screen, client }) {
    const rotation = await client().rotateSecretsKey({ body: {} });
    if (screen.json) screen.printJson(rotation);
    else {
      const { keyId, rewrapped, complete } = rotation;
      screen.print(`${screen.style.green("✓")} ${keyId} is in use; wrapped anew: ${rewrapped}.`);
      if (!complete) screen.print(FORMER_KEYS_KEPT);
    }
    return 0;
  },
};

/** What `--if-match` says, for the client. */
export function ifMatchOf({ flag }: Pick<CommandCall, "flag">): { readonly ifMatch?: string } {
  const tag = flag("if-match");
  return tag === undefined ? {} : { ifMatch: tag };
}

async function readValue({ flag, isOn, host }: CommandCall): Promise<string> {
  const path = flag("from-file");
  if ((path === undefined) === !isOn("value-stdin")) throw fail("SECRET_SOURCE_UNCLEAR");
  const bytes = path === undefined ? await host.readStdin() : readInputFile(host, path);
  if (!isUtf8(bytes)) {
    const why = "it is not UTF-8 text";
    throw failCommand("FILE_UNREADABLE", { path: path ?? "The standard input", why });
  }
  const text = bytes.toString("utf8");
  return path === undefined ? text.replace(/\r?\n$/, "") : text;
}

function textOf({ name, app }: Pick<SecretResource, "name" | "app">): string {
  return app === null ? `${name} of the account` : `${name} of ${app}`;
}

function columns(nowMs: number): readonly Column<SecretResource>[] {
  return [
    { title: "SECRET", text: ({ name }) => name, flexible: true },
    { title: "OF", text: ({ app }) => app ?? "the account" },
    { title: "VERSION", text: ({ version }) => String(version), alignRight: true },
    { title: "SET", text: ({ updatedAt }) => ageText(updatedAt, nowMs), alignRight: true },
  ];
}

export const SECRET_COMMANDS: readonly Command[] = [list, set, remove, rotate];
