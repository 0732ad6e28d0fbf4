/** How long and how often; the defaults are what committed results are made with. */
export interface RunOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly coldStarts: number;
  readonly only: readonly string[];
  /** File for the result as JSON; none when absent. */
  readonly out: string | undefined;
}

const USAGE = `npm run bench -- [--rounds 5] [--seconds 3] [--cold 40] [--only warm,cold,deploy,calls,density] [--out FILE]`;

export function readRunOptions(argv: readonly string[]): RunOptions | string {
  const given = new Map<string, string>();
  for (let i = 0; i < argv.length; i += 2) given.set(argv[i] ?? "", argv[i + 1] ?? "");
  const known = ["--rounds", "--seconds", "--cold", "--only", "--out"];
  if ([...given.keys()].some((name) => !known.includes(name))) return USAGE;
  return {
    rounds: Number(given.get("--rounds") ?? 5),
    seconds: Number(given.get("--seconds") ?? 3),
    coldStarts: Number(given.get("--cold") ?? 40),
    only: (given.get("--only") ?? "warm,cold,deploy,calls,density").split(","),
    out: given.get("--out"),
  };
}
