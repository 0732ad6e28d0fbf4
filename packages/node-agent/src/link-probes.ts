/** What an instance may do to its own link, judged by what its agent saw. Pure. */
import type { ProbeVerdict } from "@skerry/sandbox";

export interface LinkEvidence {
  /** An instance that has code took other code. */
  readonly secondCode: boolean;
  /** An answer beyond its bound was taken. */
  readonly tooMuch: boolean;
  /** What became of an instance that wrote what is no frame. */
  readonly forged: "cut off" | "kept";
  /** Another instance answers afterwards. */
  readonly neighbourAnswers: boolean;
}

interface LinkProbe {
  readonly id: string;
  readonly title: string;
  readonly wall: string;
  readonly holds: (evidence: LinkEvidence) => boolean;
}

const LINK_PROBES: readonly LinkProbe[] = [
  {
    id: "link-forged",
    title: "forged frames end the instance that wrote them, and no other",
    wall: "a link for each instance, read by its agent or gateway alone",
    holds: ({ forged, neighbourAnswers }) => forged === "cut off" && neighbourAnswers,
  },
  {
    id: "link-bounded",
    title: "an answer larger than its bound is not taken",
    wall: "bounded answers",
    holds: ({ tooMuch, neighbourAnswers }) => !tooMuch && neighbourAnswers,
  },
  {
    id: "link-one-code",
    title: "an instance takes the code of one revision in its life",
    wall: "the runtime",
    holds: ({ secondCode }) => !secondCode,
  },
];

/** `null`: nothing was tried, because there are no walls. */
export function judgeLink(evidence: LinkEvidence | null): readonly ProbeVerdict[] {
  return LINK_PROBES.map(({ id, title, wall, holds }): ProbeVerdict => {
    const probe = { id, area: "link", title, wall };
    if (evidence === null) return { ...probe, state: "untried", saw: "this rung has no walls" };
    if (holds(evidence)) return { ...probe, state: "held", saw: null };
    return { ...probe, state: "broken", saw: JSON.stringify(evidence) };
  });
}
