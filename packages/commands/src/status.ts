import type { PlatformResource } from "@skerry/api-schema";
import { fieldLines, type Field, type Style } from "@skerry/terminal";
import type { Command } from "./command.ts";

export const status: Command = {
  name: "status",
  summary: "Show the platform: addresses, nodes and the sandbox in force",
  args: [],
  flags: [],
  examples: [{ line: "status", says: "Is it there, and how strong are the walls?" }],
  async run({ screen, client }) {
    const platform = await client().getPlatform();
    if (screen.json) screen.printJson(platform);
    else screen.print(...platformLines(platform, screen.style));
    return 0;
  },
};

function platformLines(platform: PlatformResource, style: Style): readonly string[] {
  const { version, apiUrl, gatewayUrl, configSeq, consumers, nodes } = platform;
  const behind = consumers.filter(({ appliedSeq }) => appliedSeq < configSeq);
  const late = behind.map(({ role, id }) => `${role} ${id}`).join(", ");
  return [
    style.bold(`Skerry ${version}`),
    ...fieldLines(
      [
        ["API", apiUrl],
        ["Gateway", gatewayUrl],
        [
          "Config",
          `number ${configSeq}${late === "" ? ", in force everywhere" : `; behind: ${late}`}`,
        ],
      ],
      style,
    ),
    ...nodes.flatMap((node) => ["", ...nodeLines(node, style)]),
  ];
}

function nodeLines(node: PlatformResource["nodes"][number], style: Style): readonly string[] {
  const { id, connected, sandbox, instances, site, zone, set } = node;
  const state = connected ? style.green("connected") : style.red("away");
  const walls: Field[] =
    sandbox === null
      ? [["Sandbox", "unknown until it is connected"]]
      : [
          ["Sandbox", sandbox.label],
          ["Walls", Object.entries(sandbox.enforcement).map(([what, how]) => `${what}: ${how}`)],
          ["Raise it", sandbox.raise?.split("\n") ?? []],
        ];
  return [
    `${style.bold(`Node ${id}`)} ${state}`,
    ...fieldLines(
      [
        ["Place", `site ${site}, zone ${zone}, set ${set}`],
        ["Instances", String(instances)],
        ...walls,
      ],
      style,
    ),
  ];
}
