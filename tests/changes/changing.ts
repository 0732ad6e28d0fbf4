/**
 * Everything that may happen to a function under an alias while requests arrive: versions are
 * published, the alias is moved, shared and rolled back, configuration changes, versions that
 * nobody is led to are removed, and instances are killed, in an order drawn from a seed. Throws
 * when a request fails, when one is answered by a version to which the alias did not lead, or when
 * shares are not kept.
 */
import assert from "node:assert/strict";
import { seededRandom } from "@skerry/base";
import { startOpenLoad, until, type HttpAnswer, type Platform } from "@skerry/testkit";
import { killInstance } from "../kill/instances.ts";
import { strayed } from "./shares.ts";

const PAGES = { app: "course", fn: "pages" };
const RELEASE = { params: { ...PAGES, alias: "release" } };

export interface Changing {
  readonly changes: number;
  /** Requests that arrive in the whole of it, at the least. */
  readonly requests: number;
  readonly perSecond: number;
  readonly seed: number;
}

export interface ChangesAccount {
  readonly changes: Readonly<Record<Change, number>>;
  readonly answered: number;
  readonly failed: number;
  readonly slowestMs: number;
  /** Windows with a share, and how far all of them together are from it. */
  readonly shares: { readonly windows: number; readonly chiSquare: number; readonly bound: number };
}

const CHANGES = ["publish", "move", "share", "rollback", "configure", "remove", "kill"] as const;
type Change = (typeof CHANGES)[number];

export async function changeUnderLoad(
  platform: Platform,
  wanted: Changing,
): Promise<ChangesAccount> {
  const changing = new ChangingFunction(platform, wanted);
  return await changing.run();
}

/** What an alias leads to: a version, and another with a share. */
interface Lead {
  readonly version: number;
  readonly other?: { readonly version: number; readonly perMille: number };
}

class ChangingFunction {
  readonly #platform: Platform;
  readonly #wanted: Changing;
  readonly #random;
  /** Where each change led; the first is in force, the others may be. */
  #leads: readonly Lead[] = [];
  readonly #history: Lead[] = [];
  readonly #published: number[] = [];
  /** Number of the change that was in force when an arrival was sent. */
  readonly #sentIn = new Map<number, number>();
  readonly #allowed: ReadonlySet<number>[] = [];
  #window = new Map<number, number>();
  readonly #windows: { readonly lead: Lead; readonly seen: ReadonlyMap<number, number> }[] = [];
  #deployed = 0;

  constructor(platform: Platform, wanted: Changing) {
    this.#platform = platform;
    this.#wanted = wanted;
    this.#random = seededRandom(wanted.seed);
  }

  async run(): Promise<ChangesAccount> {
    const { changes, requests, perSecond } = this.#wanted;
    await this.#publish();
    await this.#publish();
    await this.#lead({ version: 1 });
    await this.#serve();
    const done: Record<string, number> = {};
    const { gatewayPort: port } = this.#platform;
    const load = startOpenLoad({
      perSecond,
      call: (arrival) => {
        this.#sentIn.set(arrival, this.#allowed.length - 1);
        return { port, path: "/~/course/web/release/" };
      },
      check: (answer, arrival) => this.#check(answer, arrival),
    });
    try {
      for (let i = 0; i < changes; i += 1) {
        const change = await this.#change(i);
        done[change] = (done[change] ?? 0) + 1;
        const enough = Math.ceil(((i + 1) * requests) / changes);
        await until("requests of this change", () => load.failed > 0 || load.answered >= enough, {
          deadlineMs: 600_000,
        });
        if (load.failed > 0) break;
        this.#endWindow();
      }
    } finally {
      await load.stop();
    }
    const { answered, failed, slowestMs, failures } = await load.stop();
    assert.deepEqual(failures.slice(0, 5), [], `${failed} of ${answered + failed} requests failed`);
    const shares = strayed(
      this.#windows.flatMap(({ lead: { version, other }, seen }) =>
        other === undefined ? [] : [{ main: version, ...other, seen }],
      ),
    );
    assert.ok(shares.chiSquare <= shares.bound, JSON.stringify(shares));
    return {
      changes: done as Record<Change, number>,
      ...{ answered, failed, slowestMs: Math.round(slowestMs), shares },
    };
  }

  /** The alias behind a route that asks again, since what runs in a killed instance is lost. */
  async #serve(): Promise<void> {
    const { client } = this.#platform;
    const retries = { attempts: 3, budgetPercent: 100 };
    const route = { path: "/", to: { function: PAGES.fn }, auth: "none", retries } as const;
    const params = { app: PAGES.app, api: "web" };
    await client.putGatewayApi({ params, body: { routes: [route] } });
    await client.createPublication({ params: { ...params, stage: "release" }, body: {} });
  }

  #check({ status, text }: HttpAnswer, arrival: number): void {
    const from = this.#sentIn.get(arrival) ?? 0;
    this.#sentIn.delete(arrival);
    if (status !== 200) throw new TypeError(`status ${status}: ${text.slice(0, 300)}`);
    const version = Number(text);
    const may = this.#allowed.slice(from);
    assert.ok(
      may.some((one) => one.has(version)),
      `version ${text} answered, and the alias led to ${may.map((one) => [...one].join()).join(" | ")}`,
    );
    // What was sent before the newest change says nothing of its shares.
    if (from === this.#allowed.length - 1) {
      this.#window.set(version, (this.#window.get(version) ?? 0) + 1);
    }
  }

  /** Makes the next change that can be made. */
  async #change(i: number): Promise<Change> {
    const drawn = CHANGES[i % CHANGES.length] ?? "move";
    const made = await this.#make(drawn);
    if (made) return drawn;
    await this.#make("move");
    return "move";
  }

  async #make(change: Change): Promise<boolean> {
    const { client } = this.#platform;
    const [now = { version: 1 }] = this.#leads;
    switch (change) {
      case "publish":
        await this.#lead({ version: await this.#publish() });
        return true;
      case "move":
        await this.#lead({ version: this.#another(now.version) });
        return true;
      case "share": {
        const version = this.#another(now.version);
        const perMille = 50 + this.#draw(451);
        await this.#lead({ version: now.version, other: { version, perMille } });
        return true;
      }
      case "rollback": {
        const before = this.#history.at(-2);
        if (before === undefined || !this.#isThere(before)) return false;
        await this.#during(before, () => client.rollbackAlias({ ...RELEASE, body: {} }));
        return true;
      }
      case "configure":
        await this.#deploy();
        return true;
      case "remove":
        return await this.#remove(now);
      case "kill":
        await killInstance(this.#platform, this.#random);
        return true;
    }
  }

  #draw(below: number): number {
    return Math.floor(this.#random.float() * below);
  }

  #another(version: number): number {
    const others = this.#published.filter((one) => one !== version);
    return others[this.#draw(others.length)] ?? version;
  }

  #isThere({ version, other }: Lead): boolean {
    const all = [version, ...(other === undefined ? [] : [other.version])];
    return all.every((one) => this.#published.includes(one));
  }

  async #remove(now: Lead): Promise<boolean> {
    const used = new Set([now.version, now.other?.version]);
    const unused = this.#published.find((one) => !used.has(one));
    if (unused === undefined || this.#published.length < 4) return false;
    const params = { ...PAGES, version: String(unused) };
    await this.#platform.client.deleteVersion({ params });
    this.#published.splice(this.#published.indexOf(unused), 1);
    return true;
  }

  /** A new revision, that nobody is led to yet: other code, or other limits. */
  async #deploy(): Promise<void> {
    this.#deployed += 1;
    const source = `export default { fetch: () => new Response(process.env.SKERRY_VERSION) };
      // ${this.#deployed}`;
    const config = { auth: "none", concurrency: 20 + (this.#deployed % 3) } as const;
    await this.#platform.deploy({ ...PAGES, files: { "index.ts": source }, config });
  }

  async #publish(): Promise<number> {
    await this.#deploy();
    const { version } = await this.#platform.client.publishVersion({ params: PAGES, body: {} });
    this.#published.push(version);
    return version;
  }

  async #lead(lead: Lead): Promise<void> {
    const { version, other } = lead;
    const body = { target: { version, shares: other === undefined ? [] : [other] } };
    await this.#during(lead, () => this.#platform.client.putAlias({ ...RELEASE, body }));
  }

  /** Until it is acknowledged, both may answer; afterwards only the new one. */
  async #during(lead: Lead, make: () => Promise<unknown>): Promise<void> {
    this.#allowed.push(new Set([...this.#leads, lead].flatMap(versionsOf)));
    this.#window = new Map();
    await make();
    this.#leads = [lead];
    this.#history.push(lead);
    this.#allowed.push(new Set(versionsOf(lead)));
    this.#window = new Map();
  }

  #endWindow(): void {
    const [lead] = this.#leads;
    if (lead !== undefined) this.#windows.push({ lead, seen: this.#window });
    this.#window = new Map();
  }
}

function versionsOf({ version, other }: Lead): readonly number[] {
  return other === undefined ? [version] : [version, other.version];
}
