/** How long and how often; the defaults are what committed results are made with. */
export interface RunOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly coldStarts: number;
  /** Load on each contestant before the first round. */
  readonly warmUpSeconds: number;
  /** Other systems stand beside; they are installed when they are not there. */
  readonly peers: boolean;
  readonly only: readonly string[];
  /** Folder of another checkout that is measured beside this one, and nothing else. */
  readonly against: string | undefined;
  /** How often both are started then; all rounds are made with each start. */
  readonly starts: number;
  /** File for the result as JSON; none when absent. */
  readonly out: string | undefined;
}

export const PARTS = [
  ...(["warm", "bodies", "cold", "deploy", "dev", "calls", "ledger", "routes", "kept"] as const),
  ...(["overload", "density"] as const),
] as const;

const USAGE = `npm run bench -- [--rounds 5] [--seconds 3] [--warm-up 6] [--cold 40] [--peers] [--only ${PARTS.join(",")}] [--against DIR [--starts 3]] [--out FILE]`;
const KNOWN = [
  "--rounds",
  "--seconds",
  "--warm-up",
  "--cold",
  "--only",
  "--against",
  "--starts",
  "--out",
];

export function readRunOptions(argv: readonly string[]): RunOptions | string {
  const peers = argv.includes("--peers");
  const valued = argv.filter((arg) => arg !== "--peers");
  const given = new Map<string, string>();
  for (let i = 0; i < valued.length; i += 2) given.set(valued[i] ?? "", valued[i + 1] ?? "");
  const only = (given.get("--only") ?? PARTS.join(",")).split(",");
  if ([...given.keys()].some((name) => !KNOWN.includes(name))) return USAGE;
  if (only.some((part) => !(PARTS as readonly string[]).includes(part))) return USAGE;
  return {
    rounds: Number(given.get("--rounds") ?? 5),
    seconds: Number(given.get("--seconds") ?? 3),
    coldStarts: Number(given.get("--cold") ?? 40),
    warmUpSeconds: Number(given.get("--warm-up") ?? 6),
    peers,
    only,
    against: given.get("--against"),
    starts: Number(given.get("--starts") ?? 3),
    out: given.get("--out"),
  };
}
