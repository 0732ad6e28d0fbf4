/** Redrives as control sees them, in memory; nothing of them is carried out. */
import { createIdSource, systemClock, systemRandom } from "@skerry/base";
import type { RedriveResource } from "@skerry/api-schema";
import type { RedriveBook } from "@skerry/event-api";

const ids = createIdSource({ clock: systemClock(), random: systemRandom() });
const AT = "2026-01-01T00:00:00.000Z";

interface Made {
  /** What it reaches. */
  readonly apps: readonly string[] | null;
  readonly one: RedriveResource;
}

export class RedrivesDouble implements RedriveBook {
  readonly items: Made[] = [];

  create(args: Parameters<RedriveBook["create"]>[0]) {
    const { asked, apps, source = null, state = null, dryRun } = args;
    const { app = null, function: fn = null, from = null, to = null } = asked;
    const { trigger = null, target = null } = asked;
    const one: RedriveResource = {
      ...{ id: ids.id("rdr"), state: "running", counting: true, dryRun },
      filter: { app, function: fn, trigger, source, from, to, state },
      ...{ target, limit: args.limit ?? null, ratePerSecond: args.ratePerSecond ?? null },
      ...{ qualifier: "$LATEST", matched: 0, skipped: 0, redriven: 0, refused: [], left: 0 },
      ...{ nextAt: null, error: null, createdAt: AT, endedAt: null },
    };
    this.items.push({ apps, one });
    return Promise.resolve(one);
  }

  list({ apps }: Parameters<RedriveBook["list"]>[0]) {
    const items = this.items.flatMap((made) => (isSeen(made, apps) ? [made.one] : []));
    return Promise.resolve({ items, nextCursor: null });
  }

  get({ id, apps }: Parameters<RedriveBook["get"]>[0]) {
    const found = this.items.find((made) => made.one.id === id && isSeen(made, apps));
    return Promise.resolve(found?.one);
  }

  async turn(args: Parameters<RedriveBook["turn"]>[0]) {
    const found = await this.get(args);
    const states = { pause: "paused", resume: "running", cancel: "cancelled" } as const;
    if (found !== undefined) found.state = states[args.turn];
    return found;
  }
}

function isSeen(made: Made, apps: readonly string[] | null): boolean {
  return apps === null || made.apps?.every((app) => apps.includes(app)) === true;
}
