/**
 * Puts and removes sources and artefacts until it is killed. Says `put <name>` when a put has
 * resolved and `remove <name>` before a removal begins; what was put and not removed must outlive
 * the kill.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { silentLog, systemClock, systemRandom } from "@skerry/base";
import { artefactKey } from "../src/digest.ts";
import { openStaged } from "../src/store.ts";
import { randomSource } from "./sources.ts";

const [directory = "", seedText = "", mode] = process.argv.slice(2);
const deps = { random: systemRandom(), clock: systemClock(), log: silentLog() };
const staging = mode === "in-place" ? { stage: (_: string, entry: string) => entry } : {};
const store = await openStaged(deps, { directory }, staging);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

say("ready");
for (let round = 0; ; round += 1) {
  const seed = Number(seedText) * 4 + (round % 4);
  const { digest, archive } = randomSource(seed, 30, 3000);
  const key = artefactKey({ sourceDigest: digest, recipe: "write 1", runtimeBuild: "none" });
  const build = async (into: string): Promise<void> => {
    for (let i = 0; i < 10; i += 1) await writeFile(join(into, `part${i}`), Buffer.alloc(5000, i));
  };
  await store.putArchive(digest, Readable.from([archive]));
  say(`put ${digest}`);
  await store.putArtefact(key, build);
  say(`put ${key}`);
  if (round % 4 !== 3) continue;
  for (const { name } of await store.list()) {
    say(`remove ${name}`);
    await store.remove(name);
  }
}
