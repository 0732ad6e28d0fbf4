/**
 * Unpacks one archive and prints the most memory this process ever held; the files named are read
 * whole.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemRandom } from "@skerry/base";
import { unpackArchive } from "../src/index.ts";

const [archive = "", into = "", ...names] = process.argv.slice(2);
const limits = { ratioMax: 2000, archiveBytesMax: 1 << 30 };
await unpackArchive({ random: systemRandom() }, { archive, into, limits });
const held: Buffer[] = [];
for (const name of names) held.push(await readFile(join(into, name)));
// Not the resource usage: its peak is carried over from the parent through exec.
const status = await readFile("/proc/self/status", "utf8");
const peakKilobytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
process.stdout.write(JSON.stringify({ peakBytes: peakKilobytes * 1024, files: held.length }));
