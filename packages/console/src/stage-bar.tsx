/** Where the time of one call went, and why it was cold. */
import type { InvocationResource } from "@skerry/api-schema";
import type { ReactNode } from "react";
import { msText } from "./format.ts";

type Stages = InvocationResource["stagesMs"];
const STAGES = [
  "queue",
  "place",
  "boot",
  "code",
  "init",
  "handler",
] as const satisfies readonly (keyof Stages)[];

const REASONS: Readonly<Record<InvocationResource["coldReason"], string>> = {
  warm: "warm",
  first_instance: "cold: the first instance",
  all_slots_busy: "cold: all others were busy",
  new_revision: "cold: a new revision",
  instance_lost: "cold: an instance was lost",
};

const STARTS: Readonly<Record<InvocationResource["startKind"], string>> = {
  warm: "an instance was ready",
  resumed: "an instance was resting and was resumed",
  blank: "a blank sandbox was ready",
  fresh: "a sandbox was started afresh",
  background: "work that went on after an answer",
  none: "no instance came of it",
};

export function reasonText({ coldReason, startKind }: InvocationResource): string {
  return coldReason === "warm" && startKind === "resumed" ? "warm: resumed" : REASONS[coldReason];
}

function nameOf(stage: (typeof STAGES)[number], call: InvocationResource): string {
  return stage === "boot" && call.startKind === "resumed" ? "resume" : stage;
}

export function totalMs({ stagesMs }: Pick<InvocationResource, "stagesMs">): number {
  return STAGES.reduce((sum, stage) => sum + stagesMs[stage], 0);
}

/** One bar; its parts are as long as their share of the whole. */
export function StageBar({ call }: { readonly call: InvocationResource }): ReactNode {
  const parts = STAGES.filter((stage) => call.stagesMs[stage] > 0);
  const told = parts.map((stage) => `${nameOf(stage, call)} ${msText(call.stagesMs[stage])}`);
  return (
    <div className="stage-bar" role="img" aria-label={`${reasonText(call)}; ${told.join(", ")}`}>
      {parts.map((stage) => (
        <span key={stage} className={`stage ${stage}`} style={{ flexGrow: call.stagesMs[stage] }} />
      ))}
    </div>
  );
}

/** The bar with every stage's time in words. */
export function Anatomy({ call }: { readonly call: InvocationResource }): ReactNode {
  return (
    <div className="anatomy">
      <p className="anatomy-reason">
        <span className={call.coldReason === "warm" ? "tag warm" : "tag cold"}>
          {reasonText(call)}
        </span>
        <span>{STARTS[call.startKind]}</span>
        <strong>{msText(totalMs(call))}</strong>
      </p>
      <StageBar call={call} />
      <ul className="legend">
        {STAGES.map((stage) => (
          <li key={stage}>
            <span className={`swatch ${stage}`} aria-hidden="true" />
            {nameOf(stage, call)}
            <b>{msText(call.stagesMs[stage])}</b>
          </li>
        ))}
      </ul>
    </div>
  );
}
