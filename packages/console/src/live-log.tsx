/** The function's log as it is written. Lines are text, whatever stands in them. */
import type { LogLineResource } from "@skerry/api-schema";
import { followLogs, type Client } from "@skerry/sdk";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { ToggleButton } from "react-aria-components";
import { clockText } from "./format.ts";
import type { ShownFunction } from "./function-view.tsx";
import { SameThing } from "./same-thing.tsx";

/** Older lines leave the page; the platform keeps them. */
const LINES_MAX = 400;
const FIRST_LINES = 100;
/** A log that is scrolled this near to its end goes on following it. */
const NEAR_PX = 48;

async function follow(
  client: Client,
  at: { readonly app: string; readonly fn: string; readonly signal: AbortSignal },
  onLines: (lines: readonly LogLineResource[]) => void,
): Promise<void> {
  const { app, fn, signal } = at;
  const query = { tail: "true", limit: FIRST_LINES };
  const first: LogLineResource[] = [];
  for await (const line of client.listLogs({ params: { app, fn }, query, signal }))
    first.push(line);
  onLines(first);
  const cursor = first.at(-1)?.cursor;
  for await (const line of followLogs(client, { ...at, cursor })) onLines([line]);
}

function useLog({ client, shown }: ShownFunction): {
  readonly lines: readonly LogLineResource[];
  readonly problem: string | undefined;
} {
  const [lines, setLines] = useState<readonly LogLineResource[]>([]);
  const [problem, setProblem] = useState<string>();
  const { app, name: fn } = shown;
  useEffect(() => {
    const stop = new AbortController();
    const add = (fresh: readonly LogLineResource[]): void =>
      setLines((before) => [...before, ...fresh].slice(-LINES_MAX));
    setLines([]);
    follow(client, { app, fn, signal: stop.signal }, add).catch((error: unknown) => {
      if (!stop.signal.aborted) setProblem(error instanceof Error ? error.message : String(error));
    });
    return () => stop.abort();
  }, [client, app, fn]);
  return { lines, problem };
}

export function LiveLog(props: ShownFunction): ReactNode {
  const { shown } = props;
  const { lines, problem } = useLog(props);
  const [isFollowing, setFollowing] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isFollowing) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [lines, isFollowing]);
  const onScroll = (): void => {
    const { current } = box;
    if (current === null) return;
    setFollowing(current.scrollHeight - current.scrollTop - current.clientHeight < NEAR_PX);
  };
  const path = `${shown.app}/${shown.name}`;
  return (
    <section className="card live" aria-labelledby="log-title">
      <div className="card-head">
        <h3 id="log-title">Log</h3>
        <ToggleButton
          className="button quiet small"
          isSelected={isFollowing}
          onChange={setFollowing}
        >
          {isFollowing ? "Following" : "Follow"}
        </ToggleButton>
      </div>
      <div
        className="log"
        ref={box}
        onScroll={onScroll}
        tabIndex={0}
        role="log"
        aria-label={`Log of ${path}`}
        aria-live="off"
      >
        {lines.length === 0 ? <p className="quiet-text">It has written nothing yet.</p> : null}
        {lines.map((line) => (
          <p key={line.cursor} className={`line ${line.level} ${line.stream}`}>
            <time dateTime={line.at}>{clockText(line.at)}</time>
            <span>{line.text}</span>
          </p>
        ))}
      </div>
      {problem === undefined ? null : <p className="problem">{problem}</p>}
      <SameThing
        what="Follow the log"
        cli={`npx skerry logs ${path} --follow`}
        api={`GET /v1/apps/${shown.app}/functions/${shown.name}/logs?follow=true`}
      />
    </section>
  );
}
