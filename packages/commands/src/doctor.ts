import { exitCodeOf } from "@skerry/base";
import type { ProbeReport, ProbeResult } from "@skerry/contracts";
import { fieldLines, type Column, type Screen, type Style } from "@skerry/terminal";
import type { Command } from "./command.ts";

/** A wall that this level promises did not stand. */
const EXIT_BROKEN = exitCodeOf("FAILED_PRECONDITION");

export const doctor: Command = {
  name: "doctor",
  summary: "Attack a sandbox from inside and say which walls held, and how",
  about: [
    "Each node starts instances of its own, as it starts functions, and tries their walls: files, " +
      "processes, network, privileges, system calls, limits, and the link to the platform. " +
      "It takes a few seconds. Needs a key whose role is operator or admin.",
    `The exit code is ${EXIT_BROKEN} when a wall did not hold that the node's level promises, ` +
      "else 0. Walls that a stronger level would add are told with the command that brings it.",
  ],
  args: [{ name: "NODE", isOptional: true, description: "Only this node; all by default." }],
  flags: [],
  examples: [
    { line: "doctor", says: "Every wall of every node." },
    { line: "doctor --json", says: "The same for a program." },
  ],
  async run({ args, screen, client }) {
    const { nodes } = await client().getPlatform();
    const wanted = args[0] === undefined ? nodes.map(({ id }) => id) : [args[0]];
    const reports: ProbeReport[] = [];
    for (const node of wanted) {
      screen.note(`Attacking a sandbox of ${node} …`);
      reports.push(await client().probeNode({ params: { node } }));
    }
    if (screen.json) screen.printJson({ items: reports });
    else for (const report of reports) showReport(report, screen);
    const isBroken = reports.some(({ probes }) => probes.some(({ state }) => state === "broken"));
    return isBroken ? EXIT_BROKEN : 0;
  },
};

function showReport({ node, sandbox, probes, tookMs }: ProbeReport, screen: Screen): void {
  const { style } = screen;
  const count = (state: ProbeResult["state"]): number =>
    probes.filter((probe) => probe.state === state).length;
  screen.printTable(columns(style), probes);
  const raise = sandbox.raise?.split("\n") ?? [];
  const parts = [
    `${count("held")} of ${probes.length} held`,
    ...(count("broken") > 0 ? [style.red(`${count("broken")} BROKEN`)] : []),
    ...(count("open") > 0 ? [`${count("open")} not promised at this level`] : []),
    ...(count("untried") > 0 ? [`${count("untried")} not tried`] : []),
  ];
  screen.print(
    "",
    `${style.bold(`Node ${node}`)} ${parts.join(", ")} in ${(tookMs / 1000).toFixed(1)} s`,
    ...fieldLines(
      [
        ["Sandbox", sandbox.label],
        ["Raise it", raise],
      ],
      style,
    ),
  );
}

const MARKS: Readonly<Record<ProbeResult["state"], string>> = {
  held: "held",
  open: "open",
  broken: "BROKEN",
  untried: "not tried",
};

function columns(style: Style): readonly Column<ProbeResult>[] {
  return [
    {
      title: "STATE",
      text: ({ state }) => MARKS[state],
      paint: (text, { state }) =>
        state === "held" ? style.green(text) : state === "broken" ? style.red(text) : text,
    },
    { title: "AREA", text: ({ area }) => area },
    { title: "WALL", text: ({ title }) => title, flexible: true },
    {
      title: "HOW",
      text: ({ wall, saw }) => (saw === null ? wall : `${wall}; saw ${saw}`),
      flexible: true,
    },
  ];
}
