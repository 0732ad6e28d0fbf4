/** Calls the function with an event that one writes or has saved, and shows what came of it. */
import type { CallResource, InvocationResource } from "@skerry/api-schema";
import { systemClock } from "@skerry/base";
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { Button, Label, TextArea, TextField } from "react-aria-components";
import { quoted } from "./format.ts";
import type { ShownFunction } from "./function-view.tsx";
import { SameThing } from "./same-thing.tsx";
import { SavedEvents } from "./saved-events.tsx";
import { Anatomy } from "./stage-bar.tsx";
import { untilRecorded } from "./until-recorded.ts";

export interface EventProps extends ShownFunction {
  /** JSON text, as it stands in the box. */
  readonly event: string;
}

interface Ran {
  readonly answer: CallResource;
  /** Records come a moment later. */
  readonly record: InvocationResource | undefined;
}

type Run =
  | { readonly kind: "none" }
  | { readonly kind: "running" }
  | { readonly kind: "ran"; readonly ran: Ran }
  | { readonly kind: "failed"; readonly why: string };

const clock = systemClock();

/** What is wrong with the text as JSON; undefined when nothing is. */
export function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export function RunBox(props: EventProps & { onEvent(text: string): void }): ReactNode {
  const { shown, event, onEvent } = props;
  const { run, start } = useRun(props);
  const problem = jsonProblem(event);
  const path = `${shown.app}/${shown.name}`;
  const canRun = problem === undefined && run.kind !== "running";
  const onKey = (pressed: KeyboardEvent): void => {
    if (pressed.key !== "Enter" || !(pressed.ctrlKey || pressed.metaKey)) return;
    pressed.preventDefault();
    if (canRun) start();
  };
  const data = event.trim() === "{}" ? "" : ` --data ${quoted(event)}`;
  return (
    <section className="card run" aria-labelledby="run-title">
      <h3 id="run-title">Run</h3>
      <div className="run-columns">
        <div>
          <TextField value={event} onChange={onEvent} isInvalid={problem !== undefined}>
            <Label>Event, as JSON</Label>
            <TextArea className="editor" rows={6} spellCheck="false" onKeyDown={onKey} />
            <p className="hint">{problem ?? "Ctrl + Enter runs it."}</p>
          </TextField>
          <SavedEvents {...props} isValid={problem === undefined} />
          <Button className="button main" isDisabled={!canRun} onPress={start}>
            {run.kind === "running" ? "Running …" : "Run"}
          </Button>
        </div>
        <Outcome run={run} />
      </div>
      <SameThing
        what="Run"
        cli={`npx skerry invoke ${path}${data}`}
        api={`curl -X POST ${shown.urls.at(-1) ?? ""} -H 'x-skerry-invoke: event' -H "x-skerry-key: $KEY" -d ${quoted(event)}`}
      />
    </section>
  );
}

function useRun({ client, shown, event }: EventProps): {
  readonly run: Run;
  readonly start: () => void;
} {
  const [run, setRun] = useState<Run>({ kind: "none" });
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);
  const params = { app: shown.app, fn: shown.name };
  const perform = async (): Promise<void> => {
    stop.current.abort();
    stop.current = new AbortController();
    const { signal } = stop.current;
    setRun({ kind: "running" });
    try {
      const body = { event: JSON.parse(event) as unknown };
      const answer = await client.callFunction({ params, body });
      if (signal.aborted) return;
      setRun({ kind: "ran", ran: { answer, record: undefined } });
      // For as long as the answer is shown, which says that it comes.
      const ask = { params: { ...params, request: answer.requestId }, signal };
      const record = await untilRecorded(() => client.getInvocation(ask), { clock, signal });
      if (!signal.aborted) setRun({ kind: "ran", ran: { answer, record } });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (!signal.aborted) setRun({ kind: "failed", why });
    }
  };
  return { run, start: () => void perform() };
}

function Outcome({ run }: { readonly run: Run }): ReactNode {
  return (
    <div className="outcome" aria-live="polite" aria-label="Answer" role="region">
      {run.kind === "none" ? <p className="quiet-text">Its answer will stand here.</p> : null}
      {run.kind === "running" ? <p className="quiet-text">Running …</p> : null}
      {run.kind === "failed" ? <p className="problem">{run.why}</p> : null}
      {run.kind === "ran" ? <Answer {...run.ran} /> : null}
    </div>
  );
}

function Answer({ answer, record }: Ran): ReactNode {
  const { result, status, errorReason } = answer;
  const isGood = errorReason === null && status < 400;
  return (
    <>
      <p className="answer-head">
        <span className={isGood ? "tag warm" : "tag bad"}>{errorReason ?? `status ${status}`}</span>
        <code className="quiet-text">{answer.requestId}</code>
      </p>
      <Result label="Result" value={result} />
      {record === undefined ? (
        <p className="quiet-text">Its record is on the way …</p>
      ) : (
        <Anatomy call={record} />
      )}
    </>
  );
}

/** What a function answered, as text. */
export function Result(props: { readonly label: string; readonly value: unknown }): ReactNode {
  const { label, value } = props;
  return (
    <pre className="result" tabIndex={0} aria-label={label} role="region">
      {typeof value === "string" ? value : JSON.stringify(value, undefined, 2)}
    </pre>
  );
}
