/** How long an instance may take until it speaks. */
import { Instance } from "@skerry/instance-links";
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { PlatformError } from "@skerry/base";
import type { InstanceGrant } from "@skerry/contracts";
import { IGNORING_STREAM, LINK_LIMITS } from "@skerry/link";
import { HandClock } from "@skerry/testkit";
import { ids, socketPair } from "../test/world.ts";

/** What became of an instance that says nothing for a minute. */
async function silent(t: TestContext, more: Pick<InstanceGrant, "loading">): Promise<string[]> {
  const [socket, far] = await socketPair();
  t.after(() => socket.destroy());
  t.after(() => far.destroy());
  const clock = new HandClock();
  const closed: string[] = [];
  const grant: InstanceGrant = {
    ...{ instanceId: ids.id("inst"), nodeId: ids.id("node") },
    ...{ functionId: ids.id("fn"), revisionId: ids.id("rev"), handlerKind: "event" },
    ...{ startKind: "blank", reason: "first_instance" },
    ...{ placeUs: 0, bootUs: 0, codeUs: 0, initUs: 0 },
    ...more,
  };
  const onClosed = (_: Instance, { reason }: PlatformError): void => void closed.push(reason);
  const accept = () => IGNORING_STREAM;
  const options = { grant, socket, config: undefined, onClosed, accept };
  const { link } = new Instance(clock, options);
  clock.advance(6 * LINK_LIMITS.helloTimeoutMs);
  link.close("the test is over");
  return closed;
}

test("an instance whose code keeps it busy while it loads is waited for: its agent keeps the time", async (t) => {
  assert.deepEqual(await silent(t, { loading: true }), ["LINK_CLOSED"]);
});

test("any other that says nothing is given up", async (t) => {
  assert.deepEqual(await silent(t, {}), ["LINK_PROTOCOL_VIOLATION"]);
});
