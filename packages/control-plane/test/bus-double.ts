/** The bus as control sees it, in memory; nothing hears of what is put. */
import type { RuleRequest, RuleResource } from "@skerry/api-schema";
import { invalid } from "@skerry/contracts";
import type { BusBook, PlatformTelling, RuleChange, RuleName } from "@skerry/event-api";

const AT = "2026-01-01T00:00:00.000Z";

export class BusDouble implements BusBook {
  readonly rules = new Map<string, RuleResource>();
  readonly removed: string[] = [];
  readonly told: PlatformTelling[] = [];

  putEvents(_account: string, events: readonly unknown[]) {
    return Promise.resolve({ events: events.map((_, i) => ({ id: `${i}`, repeated: false })) });
  }

  tell(telling: PlatformTelling): Promise<void> {
    this.told.push(telling);
    return Promise.resolve();
  }

  listEvents() {
    const event = { specversion: "1.0", id: "1", source: "/shop", type: "order.placed" };
    return Promise.resolve({ items: [{ putAt: AT, event }], nextCursor: "1" });
  }

  listRules({ app, after, limit }: { app: string; after: string; limit: number }) {
    const found = [...this.rules.values()].filter((rule) => rule.app === app);
    return Promise.resolve(found.filter(({ name }) => name > after).slice(0, limit + 1));
  }

  getRule(name: RuleName): Promise<RuleResource> {
    const found = this.rules.get(keyOf(name));
    if (found === undefined) return Promise.reject(invalid("rule", ["it is not there"]));
    return Promise.resolve(found);
  }

  async checkRule(args: RuleChange & { readonly request: RuleRequest | null }): Promise<void> {
    if (args.request === null) await this.getRule(args);
  }

  putRule(args: RuleChange & { readonly request: RuleRequest }): Promise<RuleResource> {
    const { app, name, request } = args;
    const version = (this.rules.get(keyOf(args))?.version ?? 0) + 1;
    const { pattern, enabled, eventFormat, topic = null, function: fn = null } = request;
    const rule: RuleResource = {
      ...{ id: "rul_1", app, name, pattern, function: fn, topic, enabled, pausedBecause: null },
      ...{ eventFormat, madeBy: request.madeBy ?? null, matched: 0, lastMatchedAt: null },
      ...{ refused: 0, refusedBecause: null, version, etag: `"${version}"` },
      ...{ createdAt: AT, updatedAt: AT },
    };
    this.rules.set(keyOf(args), rule);
    return Promise.resolve(rule);
  }

  async setRuleEnabled(args: RuleChange & { readonly enabled: boolean }): Promise<RuleResource> {
    const changed = { ...(await this.getRule(args)), enabled: args.enabled };
    this.rules.set(keyOf(args), changed);
    return changed;
  }

  removeRule(args: RuleChange): Promise<void> {
    this.rules.delete(keyOf(args));
    return Promise.resolve();
  }

  testPattern(): boolean {
    return true;
  }

  functionRemoved(id: string): Promise<void> {
    this.removed.push(id);
    return Promise.resolve();
  }

  appRemoved({ app }: { readonly app: string }): Promise<void> {
    this.removed.push(app);
    return Promise.resolve();
  }
}

function keyOf({ app, name }: { readonly app: string; readonly name: string }): string {
  return `${app}/${name}`;
}
