/** Keeps what a long run counted, with the versions and the machine it ran on. */
import { writeFileSync } from "node:fs";
import { arch, cpus, release } from "node:os";
import { systemClock } from "@skerry/base";

export function writeResult(
  name: string,
  {
    measured,
    version,
    ...counted
  }: { readonly measured: string; readonly version: string } & Readonly<Record<string, unknown>>,
): void {
  const result = {
    measured,
    date: new Date(systemClock().wallMs()).toISOString(),
    versions: { skerry: version, node: process.version, linux: release(), arch: arch() },
    cores: cpus().length,
    ...counted,
  };
  const file = new URL(`${name}.json`, import.meta.url);
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
