/** What keys promise, held against what askers were told and what is there. */
import { isDeepStrictEqual } from "node:util";
import { MESSAGES, WAYS } from "./ways.ts";

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What whoever asked under a name was told, and what they were told when they asked again. */
export interface Told {
  readonly way: keyof typeof WAYS;
  readonly name: string;
  readonly answer: Answer;
  readonly again: Answer;
}

/** A game's signed call, sent until it was refused. */
export interface Ticket {
  readonly name: string;
  /** Of runs; none when nobody heard. */
  readonly answers: readonly Answer[];
}

/** An invocation, as the ledger has it. */
export interface Run {
  readonly key: string | null;
  readonly source: string;
  readonly state: string;
  readonly attempts: number;
  readonly payload: string;
  readonly result: string | null;
}

export interface Message {
  readonly partition: number;
  readonly offset: number;
  readonly data: { readonly name: string; readonly at: number };
}

export interface Evidence {
  readonly told: readonly Told[];
  readonly tickets: readonly Ticket[];
  readonly runs: readonly Run[];
  /** Those of publishes that have an answer. */
  readonly publishKeys: readonly string[];
  /** By the name under which it was made. */
  readonly made: ReadonlyMap<string, readonly string[]>;
  readonly messages: readonly Message[];
}

/** Each begins with the name that it is about. */
export function faultsOf(evidence: Evidence): readonly string[] {
  const { told, tickets, runs, made, messages, publishKeys } = evidence;
  const byKey = Map.groupBy(runs, ({ key }) => key);
  const games = runs.filter(({ source }) => source === "game");
  const byTicket = Map.groupBy(games, ({ payload }) => nameIn(payload));
  const byName = Map.groupBy(messages, ({ data }) => data.name);
  const keys = Map.groupBy(publishKeys, (key) => key);
  const names = new Set([...told, ...tickets].map(({ name }) => name));
  return [
    ...told.flatMap((one) => {
      const { name, answer, again } = one;
      const repeated = isDeepStrictEqual(again, answer)
        ? []
        : [`${name}: was told ${show(answer)}, and then ${show(again)}`];
      if (WAYS[one.way].does === "publish") {
        const found = { kept: byName.get(name) ?? [], keys: keys.get(name)?.length ?? 0 };
        return [...repeated, ...publishFaults(one, found)];
      }
      const found = { runs: byKey.get(name) ?? [], made: made.get(name) ?? [] };
      return [...repeated, ...callFaults(one, found)];
    }),
    ...tickets.flatMap((one) =>
      ticketFaults(one, { runs: byTicket.get(one.name) ?? [], made: made.get(one.name) ?? [] }),
    ),
    ...[...made.keys(), ...byName.keys()].flatMap((name) =>
      names.has(name) ? [] : [`${name}: nobody asked for it`],
    ),
  ];
}

interface Found {
  readonly runs: readonly Run[];
  readonly made: readonly string[];
}

function callFaults({ name, answer }: Told, { runs, made }: Found): readonly string[] {
  // What came to no instance left nothing under its key.
  const stored = runs.filter(({ state }) => state !== "cancelled");
  const attempts = runs.reduce((sum, run) => sum + run.attempts, 0);
  const [run] = stored;
  if (run === undefined || stored.length > 1) return [`${name}: ${stored.length} results`];
  return [
    ...(made.length > attempts ? [`${name}: made ${made.length} times by ${attempts}`] : []),
    ...answerFaults(name, { answer, run, made }),
  ];
}

/** One run at most, whoever died. */
function ticketFaults({ name, answers }: Ticket, { runs, made }: Found): readonly string[] {
  const [run, another] = runs;
  const [answer] = answers;
  const isOnce = another === undefined && answers.length < 2 && (run?.attempts ?? 1) === 1;
  if (!isOnce || made.length > 1) {
    return [`${name}: ${runs.length} runs, ${answers.length} answers, made ${made.length} times`];
  }
  if (answer === undefined) return [];
  return run === undefined ? [`${name}: no result`] : answerFaults(name, { answer, run, made });
}

/** What was answered was made by a run, and is what the ledger has. */
function answerFaults(
  name: string,
  { answer, run, made }: Pick<Found, "made"> & { readonly answer: Answer; readonly run: Run },
): readonly string[] {
  const told = madeIn(answer);
  if (told === undefined) {
    return run.state === "failed" ? [] : [`${name}: ${run.state}, and told ${show(answer)}`];
  }
  return [
    ...(made.includes(told) ? [] : [`${name}: what it was told was never made`]),
    ...(run.state === "succeeded" && run.result === answer.text
      ? []
      : [`${name}: ${run.state} with ${run.result}, and told ${show(answer)}`]),
  ];
}

function publishFaults(
  { name, answer }: Told,
  { kept, keys }: { readonly kept: readonly Message[]; readonly keys: number },
): readonly string[] {
  const { messages: places } = JSON.parse(answer.text) as { readonly messages: readonly object[] };
  const there = kept
    .toSorted((a, b) => a.data.at - b.data.at)
    .map(({ partition, offset }) => ({ partition, offset }));
  return [
    ...(keys === 1 ? [] : [`${name}: ${keys} keys`]),
    ...(there.length === MESSAGES && isDeepStrictEqual(there, places)
      ? []
      : [`${name}: lies at ${JSON.stringify(there)}, told was ${answer.text}`]),
  ];
}

function nameIn(payload: string): string {
  return (JSON.parse(payload) as { readonly name: string }).name;
}

function madeIn({ text }: Answer): string | undefined {
  return (JSON.parse(text) as { readonly made?: string }).made;
}

function show({ status, text }: Answer): string {
  return `${status} ${text}`;
}
