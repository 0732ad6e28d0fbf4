/**
 * What an agent lays down in a new home before it is ready: Node and the bundler, 160 MB that are
 * flushed, and a bundle of the runtime. The homes of a test run share the files of the first that
 * had them whole, by hard links; directories are each home's own. A run says where by
 * SKERRY_TEST_SHARED; without it every home is as a user's.
 */
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  statSync,
} from "node:fs";
import { join } from "node:path";

/** Beside a runtime's folder once that is whole. */
const NOTE = ".inputs.json";
const BUNDLER = /^esbuild-[\d.]+$/;

function sharedPlace(): string | undefined {
  const shared = process.env["SKERRY_TEST_SHARED"];
  return shared === undefined ? undefined : join(shared, "laid-down");
}

/** Gives a new home what an earlier one shared, if one did. */
export function takeLaidDown(home: string): void {
  const place = sharedPlace();
  if (place === undefined || !existsSync(place)) return;
  for (const folder of readdirSync(place)) linkTree(join(place, folder), join(home, folder));
}

/** Shares what the agent of a home has laid down, unless an earlier one did. */
export function shareLaidDown(home: string): void {
  const place = sharedPlace();
  if (place === undefined || existsSync(place)) return;
  const namesIn = (folder: string): readonly string[] => readdirSync(join(home, folder));
  const [note] = namesIn("runtimes").filter((name) => name.endsWith(NOTE));
  const [bundler] = namesIn("tools").filter((name) => BUNDLER.test(name));
  if (note === undefined || bundler === undefined) return;
  const runtime = note.slice(0, -NOTE.length);
  const draft = mkdtempSync(`${place}-`);
  for (const [folder, names] of Object.entries({ runtimes: [runtime, note], tools: [bundler] })) {
    makeLike(join(home, folder), join(draft, folder));
    for (const name of names) linkTree(join(home, folder, name), join(draft, folder, name));
  }
  try {
    renameSync(draft, place);
  } catch (error) {
    // Another file of the run was first.
    if (!existsSync(place)) throw error;
  }
}

function linkTree(from: string, to: string): void {
  if (!statSync(from).isDirectory()) return linkSync(from, to);
  makeLike(from, to);
  for (const name of readdirSync(from)) linkTree(join(from, name), join(to, name));
}

function makeLike(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  chmodSync(to, statSync(from).mode);
}
