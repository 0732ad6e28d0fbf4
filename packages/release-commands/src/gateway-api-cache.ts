/** What the response cache keeps of a stage is forgotten by name. */
import type { Purge } from "@skerry/contracts";
import { failCommand } from "@skerry/terminal";
import { noteBehind, type Command, type CommandCall } from "@skerry/commands";
import { API_ARGUMENT, STAGE_FLAG, stageParamsOf } from "./gateway-api-path.ts";

const WAYS = "--all, --url, --prefix or --tag";

export const purge: Command = {
  name: "apis purge",
  summary: "Have the response cache forget kept answers of a stage",
  about: ["Forgotten everywhere when it is answered. What is under way meanwhile is not kept."],
  args: [API_ARGUMENT],
  flags: [
    STAGE_FLAG,
    { name: "all", description: "All of the stage." },
    { name: "url", value: "URL", description: "One address: host, path and query." },
    { name: "prefix", value: "PATH", description: "All paths that begin so." },
    { name: "tag", value: "TAG", description: "What its route or its Cache-Tag names so." },
  ],
  examples: [
    { line: "apis purge shop/web --stage release --tag course-7", says: "Whatever shows it." },
    { line: "apis purge shop/web --stage release --prefix /courses/", says: "A part of the site." },
  ],
  async run(call) {
    const { screen, client } = call;
    const params = stageParamsOf(call);
    const body = purgeOf(call);
    const made = await client().createPurge({ params, body });
    const [told] = Object.entries(body).map(([what, name]) =>
      what === "all" ? "all" : `the ${what} ${String(name)}`,
    );
    screen.printDone(made, `Forgot ${told} of ${made.app}/${made.api} ${made.stage}.`);
    noteBehind(screen, made);
    return 0;
  },
};

/** Throws ARGUMENT_MISSING, FLAG_VALUE_INVALID. */
function purgeOf({ flag, isOn }: CommandCall): Purge {
  const [url, prefix, tag] = [flag("url"), flag("prefix"), flag("tag")];
  const given: readonly Purge[] = [
    ...(isOn("all") ? [{ all: true as const }] : []),
    ...(url === undefined ? [] : [{ url: url.replace(/^https?:\/\//i, "") }]),
    ...(prefix === undefined ? [] : [{ prefix }]),
    ...(tag === undefined ? [] : [{ tag }]),
  ];
  const [first, second] = given;
  const command = "apis purge";
  if (first === undefined) {
    const usage = "skerry apis purge APP/API --stage STAGE --all";
    throw failCommand("ARGUMENT_MISSING", { command, argument: WAYS, usage });
  }
  if (second === undefined) return first;
  const value = flag("tag") ?? flag("prefix") ?? flag("url") ?? "";
  throw failCommand("FLAG_VALUE_INVALID", {
    ...{ command, flag: "--tag", value, why: `give one of ${WAYS}` },
  });
}
