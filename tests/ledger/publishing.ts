/**
 * A function that publishes while control and gateway die, and one who follows the topic as a
 * browser does: what was acknowledged is there where it was said to be, and the follower hears each
 * message once.
 */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import type { FollowedMessage, TopicMessageResource } from "@skerry/api-schema";
import { systemClock } from "@skerry/base";
import { callHttp, openHttp, until, type Platform, type SourceFiles } from "@skerry/testkit";

const TOPIC = "told";
const PUBLISHED = 450;
const CALLERS = 8;
/** Between two connections of the follower, so that the platform has the processor. */
const AGAIN_MS = 20;

const TELL: SourceFiles = {
  "index.ts": `
interface Context { publish(topic: string, content: unknown, about: object): Promise<object> }
export async function handler({ n }: { readonly n: number }, context: Context): Promise<object> {
  return await context.publish("${TOPIC}", { n }, { key: "k" + (n % 7) });
}
`,
};

interface Place {
  readonly partition: number;
  readonly offset: number;
}
const nameOf = ({ partition, offset }: Place): string => `${partition}:${offset}`;

/** Where it lies; undefined when that was not acknowledged. */
async function tell(platform: Platform, n: number): Promise<Place | undefined> {
  const answer = await callHttp({
    ...{ port: platform.gatewayPort, path: "/-/ledger/tell/", method: "POST" },
    headers: {
      ...{ "content-type": "application/json", "x-skerry-invoke": "event" },
      "x-skerry-key": platform.key,
    },
    body: JSON.stringify({ n }),
  }).catch(() => undefined);
  return answer?.status === 200 ? (JSON.parse(answer.text) as Place) : undefined;
}

/** Follows as an EventSource does, by the last id that it has seen. */
class Follower {
  readonly heard: FollowedMessage[] = [];
  connections = 0;
  #lastId = "";
  #isOver = false;
  #response: IncomingMessage | undefined;
  readonly #platform: Platform;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  async run(): Promise<void> {
    while (!this.#isOver) {
      await this.#connect().catch(() => undefined);
      await new Promise<void>((resolve) => void systemClock().schedule(AGAIN_MS, resolve));
    }
  }

  stop(): void {
    this.#isOver = true;
    this.#response?.destroy();
  }

  async #connect(): Promise<void> {
    const response = await openHttp({
      port: this.#platform.apiPort,
      path: `/v1/topics/${TOPIC}/messages/live?from=earliest`,
      headers: {
        ...{ accept: "text/event-stream", authorization: `Bearer ${this.#platform.key}` },
        ...(this.#lastId === "" ? {} : { "last-event-id": this.#lastId }),
      },
    });
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers["content-type"], "text/event-stream");
    this.connections += 1;
    this.#response = response;
    let rest = "";
    for await (const chunk of response.setEncoding("utf8")) {
      const parts = (rest + String(chunk)).split("\n\n");
      rest = parts.pop() ?? "";
      for (const part of parts) this.#take(part);
    }
  }

  #take(event: string): void {
    const id = /^id: (.+)$/m.exec(event)?.[1];
    const data = /^data: (.+)$/m.exec(event)?.[1];
    if (id !== undefined) this.#lastId = id;
    if (data !== undefined) this.heard.push(JSON.parse(data) as FollowedMessage);
  }
}

/** All that lies in a topic, in the order in which its pages have it. */
export async function messagesOf(
  { client }: Platform,
  topic: string,
): Promise<readonly TopicMessageResource[]> {
  const kept: TopicMessageResource[] = [];
  for (let cursor: string | undefined; ;) {
    const query = { limit: 1_000, cursor };
    const page = await client.listTopicMessages({ params: { topic }, query });
    if (page.items.length === 0) return kept;
    kept.push(...page.items);
    cursor = page.nextCursor;
  }
}

/** Publishes from many requests, and kills control and then the gateway under them. */
async function tellOverKills(platform: Platform): Promise<ReadonlyMap<number, Place>> {
  const places = new Map<number, Place>();
  const killing: Promise<void>[] = [];
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < PUBLISHED) {
      const n = next++;
      if (n === PUBLISHED / 3) killing.push(platform.kill("control"));
      if (n === (2 * PUBLISHED) / 3) killing.push(platform.kill("gateway"));
      const place = await tell(platform, n);
      if (place !== undefined) places.set(n, place);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  await Promise.all(killing);
  await platform.untilWhole();
  return places;
}

/** On a platform whose app is `ledger`. */
export async function publishOverKills(platform: Platform): Promise<void> {
  const config = { auth: "none" as const, maxInstances: 2, concurrency: 50 };
  await platform.deploy({ app: "ledger", fn: "tell", files: TELL, config });
  await platform.client.putTopic({ params: { topic: TOPIC }, body: { partitions: 3 } });
  const follower = new Follower(platform);
  const following = follower.run();
  try {
    await until("the follower to be there", () => follower.connections > 0);
    const places = await tellOverKills(platform);
    const kept = await messagesOf(platform, TOPIC);
    const numbers = new Map(kept.map((one) => [nameOf(one), (one.data as { n: number }).n]));
    for (const [n, place] of places) assert.equal(numbers.get(nameOf(place)), n, "acknowledged");
    assert.ok(places.size > PUBLISHED / 2, `${places.size} of ${PUBLISHED} were acknowledged`);
    await until("the follower to have heard all", () => follower.heard.length >= kept.length);
    assert.deepEqual(follower.heard.map(nameOf).toSorted(), kept.map(nameOf).toSorted());
    assert.ok(follower.connections > 1, "control's death has cut it off");
  } finally {
    follower.stop();
    await following;
  }
}
