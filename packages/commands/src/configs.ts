import { isUtf8 } from "node:buffer";
import type { ConfigObjectContent, ConfigObjectResource } from "@skerry/api-schema";
import {
  YES_FLAG,
  ageText,
  bytesText,
  confirm,
  readInputFile,
  writeOutputFile,
  type Column,
} from "@skerry/terminal";
import { APP_FLAG, printRemoved } from "./app-scope.ts";
import type { Command } from "./command.ts";
import { fail } from "./errors.ts";
import { printList } from "./print-list.ts";
import { IF_MATCH_FLAG, ifMatchOf } from "./secrets.ts";

const PAGE = 1_000;

const NAME = { name: "NAME", description: "A file name; functions read /config/NAME." };

const list: Command = {
  name: "configs ls",
  summary: "List the config objects of an app",
  args: [],
  flags: [APP_FLAG],
  examples: [{ line: "configs ls --app shop", says: "Names, versions and sizes." }],
  async run(call) {
    const { screen, client, host } = call;
    const params = { app: call.required("app") };
    return await printList(screen, columns(host.clock.wallMs()), (cursor) =>
      client().listConfigs({ params, query: { limit: PAGE, cursor } }),
    );
  },
};

const get: Command = {
  name: "configs get",
  summary: "Print a config object, or write it to a file",
  args: [NAME],
  flags: [APP_FLAG, { name: "out", value: "FILE", description: "Write it there, byte by byte." }],
  examples: [{ line: "configs get prices.json --app shop", says: "As it is." }],
  async run(call) {
    const { args, screen, client, host, flag } = call;
    const params = { app: call.required("app"), config: args[0] ?? "" };
    const found = await client().getConfig({ params });
    const out = flag("out");
    if (out !== undefined) writeOutputFile(host, out, bytesOf(found));
    if (screen.json) screen.printJson(found);
    else if (out !== undefined) screen.note(`Version ${found.version} is in ${out}.`);
    else if (found.encoding === "utf8") screen.print(found.content.replace(/\n$/, ""));
    else throw fail("CONFIG_NOT_TEXT", { config: found.name });
    return 0;
  },
};

const set: Command = {
  name: "configs set",
  summary: "Give a config object the content of a file",
  about: [
    "Every function of the app reads it as a file in $SKERRY_CONFIG_DIR, which is /config in a " +
      "sandbox. Instances that run have the new content within two seconds, whole; nothing is " +
      "restarted.",
  ],
  args: [NAME, { name: "FILE", description: "The file, or - for the standard input." }],
  flags: [APP_FLAG, IF_MATCH_FLAG],
  examples: [
    { line: "configs set prices.json prices.json --app shop", says: "JSON must be JSON." },
    { line: "configs set flags.txt - --app shop", says: "From the standard input." },
  ],
  async run(call) {
    const { args, screen, client, host } = call;
    const [config = "", file = ""] = args;
    const params = { app: call.required("app"), config };
    const bytes = file === "-" ? await host.readStdin() : readInputFile(host, file);
    const encoding = isUtf8(bytes) ? "utf8" : "base64";
    const body = { content: bytes.toString(encoding), encoding } as const;
    const made = await client().putConfig({ params, body, ...ifMatchOf(call) });
    const size = bytesText(made.bytes);
    screen.printDone(made, `Set ${config}, version ${made.version}, ${size}.`);
    return 0;
  },
};

const remove: Command = {
  name: "configs rm",
  summary: "Remove a config object",
  args: [NAME],
  flags: [APP_FLAG, IF_MATCH_FLAG, YES_FLAG],
  examples: [{ line: "configs rm flags.txt --app shop --yes", says: "Without asking." }],
  async run(call) {
    const { args, screen, client } = call;
    const params = { app: call.required("app"), config: args[0] ?? "" };
    const question = `Remove ${params.config} of ${params.app}? Its functions no longer find it.`;
    await confirm(call, { what: params.config, question });
    await client().deleteConfig({ params, ...ifMatchOf(call) });
    printRemoved(screen, params.app, params.config);
    return 0;
  },
};

function bytesOf({ content, encoding }: ConfigObjectContent): Buffer {
  return Buffer.from(content, encoding);
}

function columns(nowMs: number): readonly Column<ConfigObjectResource>[] {
  return [
    { title: "CONFIG", text: ({ name }) => name, flexible: true },
    { title: "VERSION", text: ({ version }) => String(version), alignRight: true },
    { title: "SIZE", text: ({ bytes }) => bytesText(bytes), alignRight: true },
    { title: "SET", text: ({ updatedAt }) => ageText(updatedAt, nowMs), alignRight: true },
  ];
}

export const CONFIG_COMMANDS: readonly Command[] = [list, get, set, remove];
