/** Redrives of a platform that is built from the contract. */
import assert from "node:assert/strict";
import type { RedriveResource } from "@skerry/api-schema";
import type { Answers } from "@skerry/testkit/clients";

const AT = "2026-01-01T00:00:00.000Z";

/** One that was just made, or what became of it. */
export function redriveOf(more: Partial<RedriveResource> = {}): RedriveResource {
  return {
    ...{ id: "rdr_1", state: "running", counting: true, limit: null, ratePerSecond: null },
    filter: {
      ...{ app: "shop", function: null, trigger: null, source: null },
      ...{ from: null, to: null, state: null },
    },
    ...{ target: null },
    ...{ qualifier: "$LATEST", dryRun: false, matched: 0, skipped: 0, redriven: 0, refused: [] },
    ...{ left: 0, nextAt: null, error: null, createdAt: AT, endedAt: null, ...more },
  };
}

/** One is made, and has ended when it is looked at; `rdr_2` had ended before. */
export function redriveAnswers(): Pick<
  Answers,
  "createRedrive" | "listRedrives" | "getRedrive" | "setRedriveEnabled" | "cancelRedrive"
> {
  const ended = { state: "done", counting: false, endedAt: AT } as const;
  let asked: Partial<RedriveResource> = {};
  return {
    createRedrive: ({ body }) => {
      const { dryRun } = body as RedriveResource;
      asked = { dryRun };
      return redriveOf(asked);
    },
    listRedrives: () => ({ items: [redriveOf()], nextCursor: null }),
    getRedrive: ({ params }) => {
      const refused = [{ reason: "FUNCTION_NOT_FOUND", count: 1 }];
      const counts = { matched: 3, skipped: 1, redriven: 2 };
      if (params["redrive"] === "rdr_1") return redriveOf({ ...asked, ...ended, ...counts });
      return redriveOf({ id: "rdr_2", ratePerSecond: 5, ...ended, ...counts, refused });
    },
    setRedriveEnabled: ({ body }) =>
      redriveOf({ state: (body as { enabled: boolean }).enabled ? "running" : "paused" }),
    cancelRedrive: () => redriveOf({ state: "cancelled", endedAt: AT }),
  };
}

/** Of each command: what it shows, and its JSON. */
export const REDRIVE_CASES = [
  {
    args: ["invocations", "redrive", "shop", "--rate", "5", "--dry-run"],
    shows: [/Would accept 2 invocations anew\.\n1 had been redriven before/],
    json: ({ dryRun }: { dryRun: boolean }) => assert.equal(dryRun, true),
  },
  {
    args: ["invocations", "redrive", "shop", "--detach"],
    shows: [/^rdr_1\n$/],
    json: ({ state }: { state: string }) => assert.equal(state, "running"),
  },
  {
    args: ["redrives", "ls"],
    shows: [/rdr_1 +running .* shop +0 counted so far/],
    json: ({ items }: { items: unknown[] }) => assert.equal(items.length, 1),
  },
  {
    args: ["redrives", "show", "rdr_2"],
    shows: [
      /rdr_2 {2}done/,
      /Rate +5\/s/,
      /1 had been redriven before/,
      /1 were refused: FUNCTION/,
    ],
    json: ({ left }: { left: number }) => assert.equal(left, 0),
  },
  {
    args: ["redrives", "pause", "rdr_1"],
    shows: [/Paused rdr_1: 0 counted so far/],
    json: ({ state }: { state: string }) => assert.equal(state, "paused"),
  },
  {
    args: ["redrives", "resume", "rdr_1"],
    shows: [/Resumed rdr_1/],
    json: ({ state }: { state: string }) => assert.equal(state, "running"),
  },
  {
    args: ["redrives", "cancel", "rdr_1"],
    shows: [/Cancelled rdr_1/],
    json: ({ state }: { state: string }) => assert.equal(state, "cancelled"),
  },
];
