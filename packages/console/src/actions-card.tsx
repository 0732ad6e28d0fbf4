/** Actions that run the function: what may run each, and a run by hand where that is allowed. */
import type { AcceptedInvocationDetails, ActionResource } from "@skerry/api-schema";
import { everyItem, followInvocation, type Client } from "@skerry/sdk";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { Button } from "react-aria-components";
import { quoted } from "./format.ts";
import { jsonProblem, Result, type EventProps } from "./run-box.tsx";
import { SameThing } from "./same-thing.tsx";
import { shownResult } from "./shown-result.ts";
import { usePoll } from "./use-poll.ts";

const EVERY_MS = 4_000;

interface Ran {
  readonly action: string;
  /** Undefined until it was accepted. */
  readonly id?: string;
  readonly state?: string;
  readonly end?: AcceptedInvocationDetails;
  readonly result?: unknown;
  readonly why?: string;
}

export function ActionsCard(props: EventProps): ReactNode {
  const { shown, event } = props;
  const actions = usePoll(() => actionsOf(props), { everyMs: EVERY_MS, subject: shown.id });
  const { ran, start } = useRun(props);
  const [pointed, setPointed] = useState<string>();
  const items = actions.value ?? [];
  if (items.length === 0) return null;
  const isRunning = ran !== undefined && ran.end === undefined && ran.why === undefined;
  const byHand = items.filter(({ drives }) => drives.manual);
  const told = byHand.find(({ name }) => name === pointed) ?? byHand[0];
  const path = `/v1/apps/${shown.app}/actions`;
  return (
    <section className="card actions" aria-labelledby="actions-title">
      <h3 id="actions-title">Actions</h3>
      {told === undefined ? null : (
        <p className="quiet-text">By hand they run with the event above.</p>
      )}
      <ul className="action-list">
        {items.map((action) => (
          <Action
            key={action.name}
            action={action}
            isDisabled={isRunning || jsonProblem(event) !== undefined}
            onPoint={setPointed}
            onRun={start}
          />
        ))}
      </ul>
      {ran === undefined ? null : <Outcome {...ran} />}
      {told === undefined ? (
        <SameThing
          what="List actions"
          cli={`npx skerry actions ls --app ${shown.app}`}
          api={`GET ${path}`}
        />
      ) : (
        <SameThing
          what={`Run ${told.name}`}
          cli={`npx skerry actions run ${told.name} --app ${shown.app} -d ${quoted(event)} --wait`}
          api={`POST ${path}/${told.name}/runs {"event":${event.trim()}}`}
        />
      )}
    </section>
  );
}

async function actionsOf({ client, shown }: EventProps): Promise<readonly ActionResource[]> {
  const found: ActionResource[] = [];
  const ask = (cursor: string | undefined): ReturnType<Client["listActions"]> =>
    client.listActions({ params: { app: shown.app }, query: { cursor } });
  for await (const one of everyItem(ask)) if (one.function === shown.name) found.push(one);
  return found;
}

function useRun({ client, shown, event }: EventProps): {
  readonly ran: Ran | undefined;
  readonly start: (action: string) => void;
} {
  const [ran, setRan] = useState<Ran>();
  const stop = useRef(new AbortController());
  useEffect(() => {
    // In strict mode the page leaves once and comes back.
    stop.current = new AbortController();
    return () => stop.current.abort();
  }, []);
  const perform = async (action: string): Promise<void> => {
    const { signal } = stop.current;
    setRan({ action });
    try {
      const params = { app: shown.app, action };
      const body = { event: JSON.parse(event) as unknown };
      const { invocationId: id } = await client.runAction({ params, body });
      setRan({ action, id });
      for await (const { state } of followInvocation(client, { invocation: id, signal }))
        setRan({ action, id, state });
      const end = await client.getAcceptedInvocation({ params: { request: id }, signal });
      setRan({ action, id, state: end.state, end, result: await resultOf(client, end) });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (!signal.aborted) setRan((before) => ({ ...before, action, why }));
    }
  };
  return { ran, start: (action) => void perform(action) };
}

/** Undefined when it answered nothing that was kept. */
async function resultOf(client: Client, end: AcceptedInvocationDetails): Promise<unknown> {
  if (end.result?.bytes === null || end.result === null) return undefined;
  const bytes = await client.getAcceptedResult({ params: { request: end.id } });
  return shownResult(bytes, end.result.type);
}

function Action(props: {
  readonly action: ActionResource;
  readonly isDisabled: boolean;
  /** The pointer or the focus is on it. */
  onPoint(name: string): void;
  onRun(name: string): void;
}): ReactNode {
  const { action, isDisabled, onPoint, onRun } = props;
  const { name, description, drives, triggerIds, nextAt } = action;
  return (
    <li className="action">
      <div className="action-facts">
        <p className="tags">
          <b>{name}</b>
          {triggerIds.map((id) => (
            <span className="tag" key={id}>
              {id.slice(id.lastIndexOf(":") + 1)}
            </span>
          ))}
        </p>
        <p className="quiet-text">
          {description}
          {nextAt === null ? null : <span> Next at {nextAt}.</span>}
        </p>
      </div>
      {drives.manual ? (
        <Button
          className="button"
          aria-label={`Run ${name}`}
          isDisabled={isDisabled}
          onHoverStart={() => onPoint(name)}
          onFocus={() => onPoint(name)}
          onPress={() => onRun(name)}
        >
          Run
        </Button>
      ) : null}
    </li>
  );
}

function Outcome({ action, id, state = "accepted", end, result, why }: Ran): ReactNode {
  const isGood = end === undefined || state === "succeeded";
  return (
    <div className="outcome" aria-live="polite" aria-label={`Run of ${action}`} role="region">
      <p className="answer-head">
        <b>{action}</b>
        {why === undefined ? (
          <span className={isGood ? "tag warm" : "tag bad"}>{state}</span>
        ) : null}
        <code className="quiet-text">{id}</code>
      </p>
      {why === undefined ? null : <p className="problem">{why}</p>}
      {end === undefined || end.error === null ? null : (
        <p className="problem">{end.error.message}</p>
      )}
      {result === undefined ? null : <Result label={`Result of ${action}`} value={result} />}
    </div>
  );
}
