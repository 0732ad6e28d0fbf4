/**
 * Kills writers, or cuts the power under them, and prints one line of JSON:
 *
 *   node run.ts kill|cut ROUNDS SEED
 */
import { lacksLoopDisk, LoopDisk } from "./loop-disk.ts";
import { endWriters } from "./rounds.ts";

const [what, rounds = "10", seed = "1"] = process.argv.slice(2);
const options = { rounds: Number(rounds), seed: Number(seed) };

async function cutPower() {
  const lacks = lacksLoopDisk();
  if (lacks !== false) throw new Error(lacks);
  using disk = new LoopDisk();
  return await endWriters({ ...options, disk });
}

const result = what === "cut" ? await cutPower() : await endWriters(options);
process.stdout.write(`${JSON.stringify({ seed: options.seed, ...result })}\n`);
