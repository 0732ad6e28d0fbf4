/** The newest calls of the function, each with where its time went. */
import type { InvocationResource } from "@skerry/api-schema";
import { useState, type ReactNode } from "react";
import { clockText, msText } from "./format.ts";
import type { ShownFunction } from "./function-view.tsx";
import { SameThing } from "./same-thing.tsx";
import { Anatomy, reasonText, StageBar, totalMs } from "./stage-bar.tsx";
import { usePoll } from "./use-poll.ts";

const SHOWN = 10;
const EVERY_MS = 1_500;

export function Calls({ client, shown }: ShownFunction): ReactNode {
  const params = { app: shown.app, fn: shown.name };
  const calls = usePoll(() => client.listInvocations({ params, query: { limit: SHOWN } }), {
    everyMs: EVERY_MS,
    subject: shown.id,
  });
  const [open, setOpen] = useState<string>();
  const items = calls.value?.items ?? [];
  const path = `${shown.app}/${shown.name}`;
  return (
    <section className="card" aria-labelledby="calls-title">
      <h3 id="calls-title">Calls</h3>
      {items.length === 0 ? <p className="quiet-text">Nobody has called it yet.</p> : null}
      <ul className="calls">
        {items.map((call) => (
          <Call
            key={call.requestId}
            call={call}
            isOpen={open === call.requestId}
            onPress={() => setOpen(open === call.requestId ? undefined : call.requestId)}
          />
        ))}
      </ul>
      <SameThing
        what="List calls"
        cli={`npx skerry invocations ${path}`}
        api={`GET /v1/apps/${shown.app}/functions/${shown.name}/invocations`}
      />
    </section>
  );
}

function Call(props: {
  readonly call: InvocationResource;
  readonly isOpen: boolean;
  onPress(): void;
}): ReactNode {
  const { call, isOpen, onPress } = props;
  const isGood = call.outcome === "ok";
  return (
    <li className={isOpen ? "call open" : "call"}>
      <button type="button" aria-expanded={isOpen} onClick={onPress}>
        <time dateTime={call.startedAt}>{clockText(call.startedAt)}</time>
        <span className={isGood ? "tag warm" : "tag bad"}>{call.outcome.replaceAll("_", " ")}</span>
        <span className={call.coldReason === "warm" ? "call-reason" : "call-reason cold"}>
          {reasonText(call)}
        </span>
        <b>{msText(totalMs(call))}</b>
      </button>
      {isOpen ? <Anatomy call={call} /> : <StageBar call={call} />}
    </li>
  );
}
