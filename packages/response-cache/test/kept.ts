/** A kept answer, as tests of stores want it. */
import type { KeptAnswer } from "../src/kept-answer.ts";

export function keptAnswer(kept: Partial<KeptAnswer> = {}): KeptAnswer {
  return {
    ...{ kind: "answer", status: 200, headers: ["Content-Type", "text/plain", "X-É", "ü\xff"] },
    body: Uint8Array.from([0, 255, 13, 10, 1]),
    ...{ cameAtMs: 1_000, cameAgedMs: 5, freshForS: 60 },
    ...{ staleWhileRevalidateS: 0, staleIfErrorS: 0, staleRule: "open", noCache: false },
    ...{ isEncodable: false, bodyId: "b", isForAll: true, vary: [], tags: [], mark: 0 },
    origin: { stage: "stage", host: "shop.example", url: "/a?b=1", keyUrl: "/a?b=1" },
    ...{ etag: '"e"', lastModified: undefined },
    ...kept,
  };
}
