/** One function: what it is, running it, bursting it, its calls and its log. */
import type { FunctionResource, InstanceResource, TrafficResource } from "@skerry/api-schema";
import type { Client } from "@skerry/sdk";
import { useState, type ReactNode } from "react";
import { ActionsCard } from "./actions-card.tsx";
import { BurstCard } from "./burst-card.tsx";
import { Calls } from "./calls.tsx";
import { countText, msText } from "./format.ts";
import { InstanceDots, statesText } from "./instance-dots.tsx";
import { LiveLog } from "./live-log.tsx";
import { ReleasesCard } from "./releases-card.tsx";
import { RunBox } from "./run-box.tsx";
import { CopyButton } from "./same-thing.tsx";

export interface ShownFunction {
  readonly client: Client;
  readonly shown: FunctionResource;
}

export function FunctionView(
  props: ShownFunction & {
    readonly traffic: TrafficResource | undefined;
    readonly instances: readonly InstanceResource[];
  },
): ReactNode {
  const { client, shown, traffic, instances } = props;
  const [event, setEvent] = useState("{}");
  const seen = traffic?.functions.find(
    ({ app, function: fn }) => app === shown.app && fn === shown.name,
  );
  const url = shown.urls.at(-1) ?? "";
  const { runtime, memoryMb, maxInstances, auth } = shown.latest.config;
  return (
    <>
      <section className="hero" aria-labelledby="function-name">
        <div className="hero-name">
          <h2 id="function-name">
            <span className="quiet-text">{shown.app}/</span>
            {shown.name}
          </h2>
          <p className="url">
            <span>{url}</span>
            <CopyButton text={url} what="the address" />
          </p>
          <p className="tags">
            <span className="tag">{runtime}</span>
            <span className="tag">{shown.latest.handlerKind} handler</span>
            <span className="tag">{memoryMb} MiB</span>
            <span className="tag">at most {maxInstances} instances</span>
            <span className="tag">{auth === "none" ? "open to everyone" : "asks for a key"}</span>
          </p>
        </div>
        <dl className="figures">
          <Figure name="calls, last minute" value={countText(seen?.calls ?? 0)} />
          <Figure name="median" value={msText(seen?.p50Ms)} />
          <Figure name="p95" value={msText(seen?.p95Ms)} />
          <Figure name="failed" value={countText(seen?.errors ?? 0)} />
        </dl>
        <p className="instances">
          <InstanceDots instances={instances} />
          {statesText(instances)}
        </p>
      </section>
      <RunBox client={client} shown={shown} event={event} onEvent={setEvent} />
      <ActionsCard client={client} shown={shown} event={event} />
      <ReleasesCard client={client} shown={shown} />
      <BurstCard client={client} shown={shown} event={event} prices={traffic?.prices} />
      <Calls client={client} shown={shown} />
      <LiveLog client={client} shown={shown} />
    </>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }): ReactNode {
  return (
    <div className="figure">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
