/** A case of HTTP caching: what is sent, what the origin would say, and what must come of it. */
import assert from "node:assert/strict";
import { PlatformError } from "@skerry/base";
import type { CachePolicy } from "@skerry/contracts";
import type { CacheRequest } from "../../src/ports.ts";
import { openWorld, POLICY, type Client, type Question, type World } from "../world.ts";

type Fields = Readonly<Record<string, string>>;

export interface Step {
  /** Seconds that pass before. */
  readonly after?: number;
  readonly method?: string;
  readonly url?: string;
  /** Of the request. */
  readonly sent?: Fields;
  readonly principal?: string;
  /** What the origin says when it is asked; `down` is none. */
  readonly origin?: Fields | "down";
  readonly status?: number;
  /** Its text; "new" and a number by default. */
  readonly text?: string;
  /**
   * Where the answer comes from: the origin, what is kept, what is kept while the origin is asked
   * behind it, what is kept because the origin said that it holds (or could not), or nowhere.
   */
  readonly gets: "asked" | "kept" | "kept, asked behind" | "confirmed" | "older" | "refused";
  /** What the client sees; empty texts are absent. */
  readonly sees?: Fields & { readonly status?: string; readonly text?: string };
  /** What the origin sees when it is asked. */
  readonly asks?: Fields;
}

export interface Case {
  readonly id: string;
  /** Where it is said. */
  readonly rule: string;
  /** What holds. */
  readonly holds: string;
  readonly policy?: Partial<CachePolicy>;
  readonly steps: readonly Step[];
}

/** Plays a case. Throws at the first step that goes otherwise. */
export async function play({ id, policy, steps }: Case): Promise<void> {
  const world = openWorld();
  let kept = "";
  for (const [index, step] of steps.entries()) {
    const text = step.text ?? `new ${index}`;
    const { client, questions } = await send(world, { step, policy, text });
    const place = `${id}, step ${index + 1}`;
    assert.equal(cameFrom(client, questions), step.gets, place);
    const { status, text: shown, ...fields } = step.sees ?? {};
    if (status !== undefined) assert.equal(client.status, Number(status), place);
    if (shown !== undefined) assert.equal(client.text, shown, place);
    else if (step.gets === "asked" && step.status === undefined)
      assert.equal(client.text, text, place);
    else if (step.gets !== "asked" && client.status === 200) assert.equal(client.text, kept, place);
    for (const [name, value] of Object.entries(fields)) {
      assert.equal(client.header(name) ?? "", value, `${place}: ${name}`);
    }
    for (const [name, value] of Object.entries(step.asks ?? {})) {
      assert.equal(questions[0]?.header(name) ?? "", value, `${place}: asks ${name}`);
    }
    if (step.gets === "asked" && client.status === 200) kept = text;
  }
}

interface Sent {
  readonly step: Step;
  readonly policy: Case["policy"];
  readonly text: string;
}

async function send(
  world: World,
  { step, policy, text }: Sent,
): Promise<{ client: Client; questions: Question[] }> {
  world.clock.advance((step.after ?? 0) * 1_000);
  const questions: Question[] = [];
  const request: Partial<CacheRequest> = {
    ...{ method: step.method ?? "GET", url: step.url ?? "/a", principal: step.principal },
    ...{ headers: Object.entries(step.sent ?? {}).flat(), policy: { ...POLICY, ...policy } },
  };
  const client = world.send(request, (question) => {
    questions.push(question);
    if (step.origin === "down") return question.to.fail(DOWN);
    const fields = stamped(step.origin ?? {}, world.clock.wallMs());
    question.answer(fields, step.status === 304 ? "" : text, step.status);
  });
  // Those who waited in vain ask in a later turn.
  for (let turn = 0; turn < 3; turn++) await Promise.resolve();
  return { client, questions };
}

const DOWN = PlatformError.from(new TypeError("down"));

/** A date of `+5` is five seconds from now. */
function stamped(fields: Fields, nowMs: number): Fields {
  const entries = Object.entries(fields).map(([name, value]) => {
    const isMoment = /^[+-]\d+$/.test(value) && /^(?:date|expires|last-modified)$/i.test(name);
    return [name, isMoment ? new Date(nowMs + Number(value) * 1_000).toUTCString() : value];
  });
  return Object.fromEntries(entries) as Fields;
}

function cameFrom(client: Client, questions: readonly Question[]): Step["gets"] {
  if (client.state === "failed") return "refused";
  const status = client.header("cache-status") ?? "";
  if (status.includes("skerry; hit")) return questions.length > 0 ? "kept, asked behind" : "kept";
  if (status.includes("fwd-status=304")) return "confirmed";
  return client.header("age") !== undefined && status.includes("fwd-status=5") ? "older" : "asked";
}
