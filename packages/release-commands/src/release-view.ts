/** How a release is shown: a bar for each place, and what both versions do side by side. */
import type { ReleaseResource } from "@skerry/api-schema";
import { fieldLines, type Field, type Style } from "@skerry/terminal";

type Place = ReleaseResource["places"][number];
type Api = ReleaseResource["apis"][number];
type Side = NonNullable<ReleaseResource["figures"]>["to"];

const BAR_WIDTH = 20;
const STAGE_WIDTH = 12;

const STATES: Readonly<Record<ReleaseResource["state"], string>> = {
  ...{ planned: "planned", running: "running", waiting: "waits for its approval" },
  ...{ paused: "paused", done: "done", rolledBack: "rolled back", aborted: "aborted" },
};

/** The state in words, with why it is so. */
export function stateText({ state, why }: ReleaseResource): string {
  return `${STATES[state]}${why === null ? "" : `: ${why}`}`;
}

/** Where it is, in a few words. */
export function placeText({ places }: ReleaseResource): string {
  const at = places.findLast(({ state }) => state !== "ahead");
  return at === undefined ? "not begun" : placeName(at);
}

/** All of it, as it stands. */
export function releaseLines(one: ReleaseResource, style: Style): readonly string[] {
  const { id, app, places, functions, figures, reason, plan } = one;
  const facts = {
    Functions: functions.map((fn) => `${fn.function} ${fn.from ?? "-"} → ${fn.to}`).join(", "),
    ...{ Reason: reason, Started: one.createdAt, Ended: one.endedAt },
    Guards: guardsText(plan),
  };
  const fields = Object.entries(facts).map(([name, value]): Field => [name, `${value ?? ""}`]);
  return [
    `${style.bold(id === "" ? app : `${app} ${id}`)}  ${stateText(one)}`,
    ...places.map((place) => placeLine(place, { one, style })),
    ...(figures === null ? [] : sidesTexts(figures)),
    ...one.apis.map(apiText),
    ...fieldLines(fields, style),
  ];
}

/** What is drawn again and again while somebody watches. */
export function liveLines(one: ReleaseResource, style: Style): readonly string[] {
  const { app, id, state, places, figures } = one;
  return [
    `${style.bold(app)}  ${STATES[state]}`,
    ...places.map((place) => placeLine(place, { one, style })),
    ...(figures === null ? [] : sidesTexts(figures)),
    ...(state === "waiting" ? [`  ${approvalHint(app, id)}`] : []),
  ];
}

/** One line for each change, where nobody watches. */
export function changeLine(one: ReleaseResource): string {
  const figures = one.figures === null ? "" : `  ${sidesTexts(one.figures).join(" ")}`;
  return `${placeText(one)}  ${stateText(one)}${figures}`;
}

interface Shown {
  readonly one: ReleaseResource;
  readonly style: Style;
}

function placeLine(place: Place, { one, style: { green, dim, red } }: Shown): string {
  const { state, isUnsampled, needsApproval } = place;
  const isIn = state === "current" || state === "passed";
  const full = isIn ? Math.max(1, Math.round((place.percent / 100) * BAR_WIDTH)) : 0;
  const colour = state === "left" ? red : green;
  const blocks = colour("█".repeat(full)) + dim("░".repeat(BAR_WIDTH - full));
  const marks = { ahead: " ", current: "▶", passed: "✓", left: "✗" };
  const said = [
    ...(needsApproval && state === "ahead" ? ["behind an approval"] : []),
    ...(isUnsampled ? ["left without enough requests"] : []),
    ...routesTexts(one, place),
  ].join(", ");
  return `  ${marks[state]} ${placeName(place).padEnd(STAGE_WIDTH + 6)} ${blocks} ${dim(said)}`.trimEnd();
}

/** Whose routes the stage gets as this place is entered. */
function routesTexts({ apis }: ReleaseResource, { stage, percent }: Place): readonly string[] {
  const here = apis.filter((one) => one.stage === stage && one.state !== "skipped");
  if (percent < 100 || here.length === 0) return [];
  return [`routes of ${here.map(({ api }) => api).join(", ")}`];
}

const API_STATES: Readonly<Record<Api["state"], string>> = {
  ...{ ahead: "to come", published: "published", restored: "gone back" },
  ...{ taken: "left to who published there meanwhile", skipped: "left out" },
};

function apiText(api: Api): string {
  const { stage, state, from, before, publication, added, removed, changed, settings } = api;
  const counts = `+${added} -${removed} ~${changed}${settings ? ", other settings" : ""}`;
  const was = before === null ? "serves nothing yet" : `before: ${before}`;
  const what =
    state === "skipped"
      ? whyLeftOut(api)
      : `publication ${publication} of ${from}, ${was}; routes ${counts}`;
  return `    ${api.api}/${stage}  ${API_STATES[state]}: ${what}`;
}

/** The stages whose routes stay as they are, though it takes routes along, and why. */
export function leftOutLines({ apis }: ReleaseResource): readonly string[] {
  return apis.filter(({ state }) => state === "skipped").map(apiText);
}

function whyLeftOut({ api, from, lacks }: Api): string {
  if (lacks.length === 0) return `the stage ${from} of ${api} serves nothing that could go on`;
  return `its routes name variables that the stage lacks: ${lacks.join(", ")}`;
}

function placeName({ stage, percent }: Place): string {
  return `${stage.padEnd(STAGE_WIDTH)} ${String(percent).padStart(3)} %`;
}

function sidesTexts({ from, to }: NonNullable<ReleaseResource["figures"]>): readonly string[] {
  return [`    new  ${sideText(to)}`, `    old  ${from === null ? "none" : sideText(from)}`];
}

/** What to do when it waits. */
export function approvalHint(app: string, id: string): string {
  return `Let it go on with \`skerry releases approve ${app} ${id}\`.`;
}

function sideText({ requests, errorRate, p95Ms }: Side): string {
  const rate = errorRate === null ? "-" : `${(errorRate * 100).toFixed(2)} %`;
  const p95 = p95Ms === null ? "-" : `${Math.round(p95Ms)} ms`;
  return `${rate} errors, p95 ${p95}, ${requests} requests`;
}

function guardsText({ guards, maxErrorRate, maxP95Ms }: ReleaseResource["plan"]): string {
  const bounds = [
    ...(maxErrorRate === null ? [] : [`errors ≤ ${maxErrorRate} %`]),
    ...(maxP95Ms === null ? [] : [`p95 ≤ ${maxP95Ms} ms`]),
  ];
  const all = [...guards, ...bounds];
  return all.length === 0 ? "none" : all.join(", ");
}
