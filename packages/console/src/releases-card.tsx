/** Releases of the function's app: the newest with a bar for each place, and those before it. */
import type { ReleaseResource } from "@skerry/api-schema";
import type { ReactNode } from "react";
import { countText, msText } from "./format.ts";
import type { ShownFunction } from "./function-view.tsx";
import { ReleaseTurns } from "./release-turns.tsx";
import { SameThing } from "./same-thing.tsx";
import { usePoll } from "./use-poll.ts";

const EVERY_MS = 1_000;
const SHOWN_MAX = 5;

type Place = ReleaseResource["places"][number];
type Figures = NonNullable<ReleaseResource["figures"]>;

const STATES: Readonly<Record<ReleaseResource["state"], string>> = {
  ...{ planned: "planned", running: "running", waiting: "waits for its approval" },
  ...{ paused: "paused", done: "done", rolledBack: "rolled back", aborted: "aborted" },
};
const PLACES: Readonly<Record<Place["state"], { readonly mark: string; readonly says: string }>> = {
  ahead: { mark: "·", says: "ahead" },
  current: { mark: "▶", says: "now" },
  passed: { mark: "✓", says: "passed" },
  left: { mark: "✗", says: "went back" },
};

export function ReleasesCard({ client, shown }: ShownFunction): ReactNode {
  const { app } = shown;
  const releases = usePoll(
    () => client.listReleases({ params: { app }, query: { limit: SHOWN_MAX } }),
    { everyMs: EVERY_MS, subject: app },
  );
  const [newest, ...earlier] = releases.value?.items ?? [];
  if (newest === undefined) return null;
  const isOpen = newest.endedAt === null;
  return (
    <section className="card releases" aria-labelledby="releases-title">
      <div className="card-head">
        <div>
          <h3 id="releases-title">Releases of {app}</h3>
          <p className="quiet-text">{changesText(newest)}</p>
        </div>
        <StateTag release={newest} />
      </div>
      {newest.why === null ? null : (
        <p className={newest.state === "rolledBack" ? "problem" : "quiet-text"}>{newest.why}</p>
      )}
      <ol className="places" aria-label="Stages of the release">
        {newest.places.map((place) => (
          <PlaceRow
            key={`${place.stage} ${place.percent}`}
            place={place}
            routesOf={routesAt(newest, place)}
          />
        ))}
      </ol>
      {newest.figures === null ? null : <BothVersions figures={newest.figures} />}
      {isOpen ? (
        <ReleaseTurns
          key={newest.id}
          client={client}
          release={newest}
          onTurned={releases.refresh}
        />
      ) : null}
      <Earlier releases={earlier} />
      {isOpen ? null : (
        <SameThing
          what="Release the app"
          cli={`npx skerry release ${app}`}
          api={`POST /v1/apps/${app}/releases {}`}
        />
      )}
    </section>
  );
}

function changesText({ functions, reason }: ReleaseResource): string {
  const all = functions.map(({ function: fn, from, to }) => `${fn} ${from ?? "–"} → ${to}`);
  return `${all.join(", ")}${reason === "" ? "" : ` · ${reason}`}`;
}

/** The newest one's state is told when it changes, also to those who cannot see it. */
function StateTag({ release }: { readonly release: ReleaseResource }): ReactNode {
  return (
    <span role="status" aria-label="The newest release" className={tagOf(release)}>
      {STATES[release.state]}
    </span>
  );
}

function tagOf({ state }: ReleaseResource): string {
  if (state === "done") return "tag warm";
  if (state === "rolledBack") return "tag bad";
  return state === "aborted" ? "tag" : "tag cold";
}

/** Names of the APIs whose routes the stage gets as the place is entered. */
function routesAt({ apis }: ReleaseResource, { stage, percent }: Place): readonly string[] {
  if (percent < 100) return [];
  const here = apis.filter((one) => one.stage === stage && one.state !== "skipped");
  return here.map(({ api }) => api);
}

interface PlaceShown {
  readonly place: Place;
  readonly routesOf: readonly string[];
}

function PlaceRow({ place, routesOf }: PlaceShown): ReactNode {
  const { stage, percent, state, needsApproval, isUnsampled } = place;
  const { mark, says } = PLACES[state];
  const remarks = [
    says,
    ...(needsApproval && state === "ahead" ? ["behind an approval"] : []),
    ...(isUnsampled ? ["without enough requests to tell"] : []),
    ...(routesOf.length > 0 ? [`routes of ${routesOf.join(", ")}`] : []),
  ];
  const width = state === "ahead" ? 0 : percent;
  return (
    <li
      className={`release-place ${state}`}
      aria-current={state === "current" ? "step" : undefined}
    >
      <span className="place-mark" aria-hidden="true">
        {mark}
      </span>
      <b>{stage}</b>
      <span className="place-share">{percent} %</span>
      <span className="place-bar" aria-hidden="true">
        <span style={{ width: `${width}%` }} />
      </span>
      <span className="place-says">{remarks.join(", ")}</span>
    </li>
  );
}

function BothVersions({ figures: { from, to } }: { readonly figures: Figures }): ReactNode {
  const rows: readonly (readonly [string, (side: Figures["to"]) => string])[] = [
    ["Errors", ({ errorRate }) => (errorRate === null ? "–" : `${(errorRate * 100).toFixed(2)} %`)],
    ["p95", ({ p95Ms }) => msText(p95Ms)],
    ["Requests", ({ requests }) => countText(requests)],
  ];
  return (
    <table className="versions">
      <caption className="unseen">Both versions since this share began</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">new version</th>
          <th scope="col">old version</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, text]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{text(to)}</td>
            <td>{from === null ? "–" : text(from)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Earlier({ releases }: { readonly releases: readonly ReleaseResource[] }): ReactNode {
  if (releases.length === 0) return null;
  return (
    <>
      <h4>Before</h4>
      <ul className="earlier">
        {releases.map((one) => (
          <li key={one.id}>
            <span className={tagOf(one)}>{STATES[one.state]}</span>
            <time dateTime={one.createdAt} className="quiet-text">
              {new Date(one.createdAt).toLocaleString()}
            </time>
            <span>{changesText(one)}</span>
            {one.why === null ? null : <span className="quiet-text">{one.why}</span>}
          </li>
        ))}
      </ul>
    </>
  );
}
