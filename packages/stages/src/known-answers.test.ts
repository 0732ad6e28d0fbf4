/** What is remembered of answers: for whom, and how much. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import type { Hit } from "@skerry/response-cache";
import type { KnownAccess } from "./access-log.ts";
import type { Exchange } from "./exchange.ts";
import { KnownAnswers } from "./known-answers.ts";

const ACCESS = {} as KnownAccess;

interface Told {
  readonly body: Uint8Array;
  readonly status?: number;
  readonly httpVersion?: string;
  readonly downgrade?: object;
}

/** A request that says something of its own, and was answered with what is kept. */
class Asked {
  readonly req: IncomingMessage;

  constructor(n: number, httpVersion = "1.1") {
    const rawHeaders = ["Host", "h", "X-Number", String(n)];
    const said = { method: "GET", url: "/a", rawHeaders, headers: { host: "h" }, httpVersion };
    this.req = said as unknown as IncomingMessage;
  }

  answeredWith(known: KnownAnswers, { body, status = 200, downgrade }: Told): void {
    const head = { status, headers: ["content-type", "text/plain"] };
    const came = { req: this.req, res: { shouldKeepAlive: true } };
    const guarded = { route: { auth: "none", downgrade } };
    const sink = { told: head.headers, change: (_: number, headers: readonly string[]) => headers };
    const exchange = { method: "GET", guarded, passed: {}, sink, came, client: {} };
    const hit = { head, body, vary: [] } as unknown as Hit;
    known.learn({ ...exchange, isByChance: false } as unknown as Exchange, hit, () => ACCESS);
  }
}

function isKnown(told: Omit<Told, "body">): boolean {
  const known = new KnownAnswers(5_000);
  const asked = new Asked(1, told.httpVersion);
  asked.answeredWith(known, { ...told, body: Buffer.from("body") });
  return known.find(asked.req) !== undefined;
}

test("no more is remembered than may be, also where answers grow", () => {
  const known = new KnownAnswers(5_000);
  const asked = Array.from({ length: 1_000 }, (_, n) => new Asked(n));
  const found = (): number => asked.filter(({ req }) => known.find(req) !== undefined).length;
  for (const one of asked) one.answeredWith(known, { body: Buffer.from("short") });
  assert.equal(found(), asked.length);
  const long = new Uint8Array(60 << 10);
  for (const one of asked) one.answeredWith(known, { body: long });
  // Each is kept by its message, too.
  assert.ok(found() > 0 && found() * 2 * long.length < 16 << 20, `${found()} are known`);
  const before = found();
  for (let i = 0; i < 1_000; i += 1) asked.at(-1)?.answeredWith(known, { body: long });
  assert.equal(found(), before, "what replaces another counts in its place");
});

test("it is remembered for those alone who would be answered so", () => {
  assert.equal(isKnown({}), true);
  assert.equal(isKnown({ httpVersion: "1.0" }), false);
  assert.equal(isKnown({ httpVersion: "2.0" }), false, "which has headers of the same words");
  assert.equal(isKnown({ status: 503 }), true);
  assert.equal(isKnown({ downgrade: {} }), true);
  assert.equal(isKnown({ status: 503, downgrade: {} }), false, "another target may stand in");
});
