import assert from "node:assert/strict";
import { test } from "node:test";
import type { GatewayId } from "@skerry/base";
import { decideInstance, type InstanceEvent, type InstanceLife } from "./instance-life.ts";

const A = "gw_a" as GatewayId;
const B = "gw_b" as GatewayId;

const LIVES = {
  starting: { kind: "starting" },
  ready: { kind: "ready", gatewayId: A },
  resting: { kind: "resting", gatewayId: A },
  stopping: { kind: "stopping" },
  gone: { kind: "gone" },
} as const satisfies Record<string, InstanceLife>;

const EVENTS = {
  handedOver: { kind: "handedOver", gatewayId: B },
  restAsked: { kind: "restAsked" },
  resumeAsked: { kind: "resumeAsked" },
  stopAsked: { kind: "stopAsked" },
  stopOrdered: { kind: "stopAsked", by: "operator" },
  exited: { kind: "exited" },
} as const satisfies Record<string, InstanceEvent>;

/** State after and effects, for every state and event; `-` changes nothing. */
const TABLE = `
            handedOver    restAsked         resumeAsked      stopAsked        stopOrdered           exited
starting    ready(b)      -                 -                stopping kill    stopping kill         gone
ready       ready(b)      resting(a) rest   -                stopping kill    stopping, tell a kill gone
resting     resting(b)    -                 ready(a) resume  stopping kill    stopping, tell a kill gone
stopping    -             -                 -                -                -                     gone
gone        -             -                 -                -                -                     -
`;

function textOf(life: InstanceLife, effects: readonly string[]): string {
  const owner = "gatewayId" in life ? `(${life.gatewayId.slice(3)})` : "";
  const untold = "untold" in life ? `, tell ${life.untold.slice(3)}` : "";
  return [`${life.kind}${owner}${untold}`, ...effects].join(" ");
}

test("every event in every state does what the table says", () => {
  const [head = "", ...rows] = TABLE.trim().split("\n");
  const events = head.trim().split(/\s+/) as (keyof typeof EVENTS)[];
  assert.deepEqual(events, Object.keys(EVENTS));
  for (const [index, from] of Object.keys(LIVES).entries()) {
    const [name, ...cells] = (rows[index] ?? "").split(/\s{2,}|(?<=kill)\s+/);
    assert.equal(name, from);
    for (const [column, event] of events.entries()) {
      const life = LIVES[from as keyof typeof LIVES];
      const step = decideInstance(life, EVENTS[event]);
      const found =
        step.life === life && step.effects.length === 0 ? "-" : textOf(step.life, step.effects);
      assert.equal(found, cells[column]?.trim(), `${from} + ${event}`);
    }
  }
});
