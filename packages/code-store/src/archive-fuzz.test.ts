import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { PlatformError, seededRandom, systemRandom, type Random } from "@skerry/base";
import { everythingBelow, scratch } from "../test/scratch.ts";
import { zipOf } from "../test/zip-writer.ts";
import { failCode } from "./errors.ts";
import { unpackArchive } from "./unpack.ts";

const ROUNDS = 400;

const FILES = [
  { name: "index.mjs", content: "export {};\n" },
  { name: "lib/a.mjs", content: "abc".repeat(200), deflate: true },
  { name: "bin/run", content: "#!", mode: 0o100755 },
];
const SEEDS = [
  zipOf(FILES),
  zipOf(FILES, { zip64: {} }),
  zipOf(FILES, { comment: Buffer.alloc(30) }),
];

/** One to four changes: a bit flipped, a byte set to an extreme, a run cut out or doubled. */
function mutate(archive: Buffer, random: Random): Buffer {
  let mutant = Buffer.from(archive);
  const below = (bound: number): number => Math.floor(random.float() * bound);
  for (let changes = 1 + below(4); changes > 0 && mutant.length > 0; changes -= 1) {
    const at = below(mutant.length);
    const run = mutant.subarray(at, at + 1 + below(40));
    const byte = mutant[at] ?? 0;
    const kind = below(6);
    if (kind < 3) mutant[at] = byte ^ (1 << below(8));
    else if (kind === 3) mutant[at] = below(2) * 255;
    else if (kind === 4)
      mutant = Buffer.concat([mutant.subarray(0, at), mutant.subarray(at + run.length)]);
    else mutant = Buffer.concat([mutant.subarray(0, at), run, mutant.subarray(at)]);
  }
  return mutant;
}

test(`${ROUNDS} damaged archives are unpacked or refused with a reason, all or nothing`, async (t) => {
  const box = await scratch(t);
  let refused = 0;
  for (let seed = 0; seed < ROUNDS; seed += 1) {
    const archive = mutate(SEEDS[seed % SEEDS.length] as Buffer, seededRandom(seed));
    const into = join(box, `out${seed}`);
    const before = refused;
    await unpackArchive(
      { random: systemRandom() },
      { archive: Readable.from([archive]), into },
    ).catch((error: unknown) => {
      const known = PlatformError.is(error) && Object.hasOwn(failCode.table, error.reason);
      assert.ok(known && error.reason.startsWith("ARCHIVE_"), `seed ${seed}: ${String(error)}`);
      refused += 1;
    });
    assert.equal(existsSync(into), refused === before, `seed ${seed}`);
  }
  const strays = (await everythingBelow(box)).filter((line) => !line.startsWith("out"));
  assert.deepEqual(strays, []);
  assert.ok(refused > ROUNDS / 2, `only ${refused} were refused`);
});
