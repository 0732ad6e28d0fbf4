/** What people do to an open release: each asks once more before it is done. */
import type { ReleaseResource } from "@skerry/api-schema";
import type { Client } from "@skerry/sdk";
import { useState, type ReactNode } from "react";
import { Button } from "react-aria-components";
import { SameThing } from "./same-thing.tsx";

type Turn = "approve" | "resume" | "pause" | "abort";

const TURNS: Readonly<Record<Turn, { readonly name: string; readonly asks: string }>> = {
  approve: { name: "Approve", asks: "Let it go on behind its first stage?" },
  resume: { name: "Resume", asks: "Let it go on from where it is?" },
  pause: { name: "Pause", asks: "Hold it where it is? It goes neither on nor back by itself." },
  abort: { name: "Abort", asks: "End it? Every alias leads again where it did before." },
};

/** Those that do something to it as it stands, what it most likely waits for first. */
function turnsOf({ state, isApproved, places }: ReleaseResource): readonly Turn[] {
  const awaits = places.some((place) => place.needsApproval && place.state === "ahead");
  const approve: readonly Turn[] = !isApproved && awaits ? ["approve"] : [];
  if (state === "paused") return ["resume", ...approve, "abort"];
  return [...approve, "pause", "abort"];
}

function performTurn(client: Client, turn: Turn, { app, id }: ReleaseResource): Promise<unknown> {
  const one = { params: { app, release: id }, body: {} };
  switch (turn) {
    case "approve":
      return client.approveRelease(one);
    case "resume":
      return client.resumeRelease(one);
    case "pause":
      return client.pauseRelease(one);
    case "abort":
      return client.abortRelease(one);
  }
}

interface Props {
  readonly client: Client;
  readonly release: ReleaseResource;
  onTurned(): void;
}

export function ReleaseTurns({ client, release, onTurned }: Props): ReactNode {
  const [asked, ask] = useState<Turn>();
  const [pointed, point] = useState<Turn>();
  const [problem, setProblem] = useState<string>();
  const turns = turnsOf(release);
  const perform = (turn: Turn): void => {
    ask(undefined);
    performTurn(client, turn, release)
      .then(
        () => setProblem(undefined),
        (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)),
      )
      .finally(onTurned);
  };
  const told = [asked, pointed].find((turn) => turn && turns.includes(turn)) ?? turns[0] ?? "abort";
  const { app, id } = release;
  return (
    <>
      {problem === undefined ? null : (
        <p role="alert" className="problem">
          {problem}
        </p>
      )}
      {asked !== undefined && turns.includes(asked) ? (
        <Question turn={asked} onYes={() => perform(asked)} onNo={() => ask(undefined)} />
      ) : (
        <div className="turns" role="group" aria-label={`Release of ${app}`}>
          {turns.map((turn, i) => (
            <Button
              key={turn}
              className={i === 0 && turn !== "pause" ? "button main" : "button"}
              onHoverStart={() => point(turn)}
              onFocus={() => point(turn)}
              onPress={() => ask(turn)}
            >
              {TURNS[turn].name}
            </Button>
          ))}
        </div>
      )}
      <SameThing
        what={`${TURNS[told].name} the release`}
        cli={`npx skerry releases ${told} ${app} ${id}`}
        api={`POST /v1/apps/${app}/releases/${id}/${told} {}`}
      />
    </>
  );
}

function Question(props: { readonly turn: Turn; onYes(): void; onNo(): void }): ReactNode {
  const { turn, onYes, onNo } = props;
  const { name, asks } = TURNS[turn];
  return (
    <div className="turns" role="group" aria-label={`${name}: are you sure?`}>
      <p>{asks}</p>
      <Button autoFocus className="button" onPress={onNo}>
        Cancel
      </Button>
      <Button className={turn === "abort" ? "button grave" : "button main"} onPress={onYes}>
        {`Yes, ${name.toLowerCase()} it`}
      </Button>
    </div>
  );
}
