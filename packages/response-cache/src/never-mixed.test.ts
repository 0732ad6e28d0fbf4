/**
 * Whatever is asked and answered in whatever order: nobody meets what is another caller's, and
 * nothing goes out that is staler than it may be. The origin signs each answer with whom it was
 * for, what it said of keeping, and when.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seededRandom, type Random } from "@skerry/base";
import { openWorld, type Client, type Question, type World } from "../test/world.ts";

const SAID = [
  ...["", "private, max-age=20", "no-store", "max-age=20", "public, max-age=20", "s-maxage=20"],
  ...["max-age=20, must-revalidate", "no-cache", "max-age=5, stale-while-revalidate=5"],
  ...["public, max-age=5, stale-if-error=10", "private", "max-age=0"],
];
const SENT: readonly (readonly string[])[] = [
  ...[[], ["Cookie", "s=1"], ["Cookie", "s=2"], ["Authorization", "a"], ["Authorization", "b"]],
];
const VARY = ["", "", "Cookie", "Accept-Language", "*"];

interface Signed {
  readonly from: string;
  readonly said: string;
  readonly vary: string;
  readonly atMs: number;
}

function pick<T>(random: Random, some: readonly T[]): T {
  return some[Math.floor(random.float() * some.length)] as T;
}

/** Plays a run; returns who got what. */
function play(seed: number, world: World = openWorld()): (readonly [string, Signed, number])[] {
  const random = seededRandom(seed);
  const got: (readonly [string, Signed, number])[] = [];
  const open: { who: string; client: Client; sentMs: number }[] = [];
  const waiting: { who: string; question: Question }[] = [];
  const settle = (): void => {
    for (const { who, client, sentMs } of open.splice(0)) {
      if (client.state === "waiting") open.push({ who, client, sentMs });
      else if (client.status === 200) got.push([who, JSON.parse(client.text) as Signed, sentMs]);
    }
  };
  for (let step = 0; step < 120; step++) {
    const sent = pick(random, SENT);
    const who = sent.join(":");
    const url = `/${Math.floor(random.float() * 2)}`;
    const sentMs = world.clock.wallMs();
    const client = world.send({ headers: sent, url }, (question) =>
      waiting.push({ who, question }),
    );
    open.push({ who, client, sentMs });
    if (random.float() < 0.1) void world.cache.purge("stage", { url });
    while (waiting.length > 0 && random.float() < 0.6) {
      const at = Math.floor(random.float() * waiting.length);
      const [next] = waiting.splice(at, 1);
      if (next !== undefined) answer(random, world, next);
    }
    if (random.float() < 0.4) world.clock.advance(Math.floor(random.float() * 8_000));
    settle();
  }
  settle();
  return got;
}

function answer(
  random: Random,
  world: World,
  { who, question }: { readonly who: string; readonly question: Question },
): void {
  const [said, vary] = [pick(random, SAID), pick(random, VARY)];
  const signed: Signed = { from: who, said, vary, atMs: world.clock.wallMs() };
  const fields = {
    ...(said === "" ? {} : { "Cache-Control": said }),
    ...(vary === "" ? {} : { Vary: vary }),
  };
  question.answer(fields, JSON.stringify(signed), random.float() < 0.1 ? 503 : 200);
}

function cookieOf(who: string): string {
  return who.startsWith("Cookie") ? who : "";
}

/** What the reference says of one who got an answer: undefined when it may be. */
function wrongOf([who, { from, said, vary, atMs }, sentMs]: readonly [string, Signed, number]):
  | string
  | undefined {
  const isForAll = said.includes("public") || said.includes("s-maxage");
  const ownOf = /private|no-store/.test(said) || said === "" || vary === "*";
  if (who !== from) {
    if (ownOf) return "what is one caller's own";
    if (vary === "Cookie" && cookieOf(who) !== cookieOf(from)) return "what varies by cookies";
    if (!isForAll) return "what does not say that it is for all";
  }
  const freshS = Number(/age=(\d+)/.exec(said)?.[1] ?? 0);
  const windowS = Number(/(?:revalidate|error)=(\d+)/.exec(said)?.[1] ?? 0);
  const ageMs = sentMs - atMs;
  if (ageMs > 0 && (ownOf || said === "no-cache")) return "what must not be used again";
  return ageMs > (freshS + windowS) * 1_000 ? "what is too old" : undefined;
}

void describe("kept answers of many callers", () => {
  void it("are never mixed, and never too old, in generated runs", () => {
    let given = 0;
    for (let seed = 1; seed <= 150; seed++) {
      for (const one of play(seed)) {
        given++;
        assert.equal(wrongOf(one), undefined, `seed ${seed}: ${JSON.stringify(one)}`);
      }
    }
    assert.ok(given > 5_000, String(given));
  });
});
