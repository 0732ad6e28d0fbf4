/**
 * Questions to the origin: at most one at a time for each key, and what becomes of its answer.
 * Requests with credentials and those without never wait for each other's answers.
 */
import { PlatformError, type Clock, type Random } from "@skerry/base";
import type { Purge } from "@skerry/contracts";
import type { AnswerHead } from "@skerry/http";
import { AloneKeys } from "./alone-keys.ts";
import { isSameEtag } from "./conditions.ts";
import { Fill } from "./fill.ts";
import { FillBudget } from "./fill-budget.ts";
import { Flight, type Course, type FillCourse, type FlightHost } from "./flight.ts";
import { without } from "./header-list.ts";
import { askedHead, passedHead, withCookies, type Forward } from "./heads.ts";
import type { KeptAnswer } from "./kept-answer.ts";
import { variantKey } from "./keys.ts";
import { confirmed, confirmedHeaders } from "./merged.ts";
import type { CacheStore } from "./ports.ts";
import { mayName } from "./purge-rules.ts";
import { NOBODY, relayTo } from "./relay.ts";
import { CONDITIONS } from "./request-facts.ts";
import { originOf, shownHeaders, storableOf, type Exchange, type Storable } from "./storing.ts";
import { decideUse, maySee, mayReplaceError } from "./use.ts";
import { giveKept, type Waiter } from "./waiter.ts";

export interface OriginAsksDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: CacheStore;
  /** Looks again for what is kept, for one who waited in vain. */
  readonly again: (waiter: Waiter) => void;
}

/** Of all answers that are on their way into the cache. */
const FILL_BYTES_MAX = 256 << 20;
/** RFC 5861, 4. */
const ERRORS = new Set([500, 502, 503, 504]);
/** Kept beyond all windows, since the origin may say that it still holds. */
const KEPT_TO_ASK_MS = 3_600_000;
/** Looks again so often, then asks for itself. */
const ROUNDS_MAX = 2;

export class OriginAsks implements FlightHost {
  readonly figures = { misses: 0, collapsed: 0, passes: 0 };
  readonly #deps: OriginAsksDeps;
  readonly #flights = new Map<string, Flight>();
  readonly #alone: AloneKeys;
  readonly #budget = new FillBudget(FILL_BYTES_MAX);

  constructor(deps: OriginAsksDeps) {
    this.#deps = deps;
    this.#alone = new AloneKeys(deps.clock);
  }

  /** Asks, or waits for the answer to the same question. */
  fetch(waiter: Waiter, fwd: Forward, about: KeptAnswer | undefined): void {
    const key = flightKey(waiter);
    const isAlone = this.#goesAlone(waiter, key);
    if (isAlone && about === undefined && hasConditions(waiter)) return this.pass(waiter, fwd);
    const open = isAlone ? undefined : this.#flights.get(key);
    if (open?.join(waiter) === true) return void this.figures.collapsed++;
    this.figures.misses++;
    const flight = new Flight(this, { key, asker: waiter, about, fwd });
    flight.waiters.push(waiter);
    if (!isAlone && open === undefined) this.#flights.set(key, flight);
    this.#ask(flight);
  }

  /** Asks anew for what was answered with something stale, unless somebody does. */
  refresh(waiter: Waiter, about: KeptAnswer): void {
    const key = flightKey(waiter);
    if (this.#flights.has(key)) return;
    this.figures.misses++;
    const flight = new Flight(this, { key, asker: waiter, about, fwd: "stale" });
    this.#flights.set(key, flight);
    this.#ask(flight);
  }

  /** Asks as the client asked; nothing of it is kept. */
  pass({ request, to, ask }: Waiter, fwd: Forward, seen?: (head: AnswerHead) => void): void {
    this.figures.passes++;
    const relay = relayTo(to, (head) => {
      seen?.(head);
      return { fwd, isStored: false, isCollapsed: false };
    });
    try {
      ask(request.headers, relay);
    } catch (error) {
      to.fail(PlatformError.from(error));
    }
  }

  /** Nobody who comes from now on waits for what was asked before and may be named by a purge. */
  letGo(stage: string, purges: readonly Purge[]): void {
    for (const [key, { asker }] of this.#flights) {
      if (asker.request.stage !== stage) continue;
      const origin = originOf(asker.request);
      if (purges.some((what) => mayName(what, origin))) this.#flights.delete(key);
    }
  }

  decide(flight: Flight, head: AnswerHead, length: number | undefined): Course {
    const { about, asker } = flight;
    const { clock } = this.#deps;
    if (about !== undefined && head.status === 304) return this.#confirm(flight, about, head);
    if (about !== undefined && ERRORS.has(head.status) && mayReplaceError(about, clock.wallMs())) {
      return this.#giveOlder(flight, about, head.status);
    }
    const storable = storableOf(this.#exchange(flight, head, length));
    const { bytesMax } = asker.request.policy;
    if (storable === undefined || (length ?? 0) > bytesMax) return this.#relay(flight);
    return this.#fill(flight, { head, length, storable });
  }

  failed(flight: Flight, error: PlatformError): void {
    const { about } = flight;
    const nowMs = this.#deps.clock.wallMs();
    if (about !== undefined && ERRORS.has(error.httpStatus) && mayReplaceError(about, nowMs)) {
      return void this.#giveOlder(flight, about, error.httpStatus);
    }
    this.#close(flight);
    for (const { to } of flight.waiters.splice(0)) to.fail(error);
  }

  #goesAlone({ facts }: Waiter, key: string): boolean {
    const { noCache, noStore } = facts.directives ?? {};
    return noCache === true || noStore === true || this.#alone.has(key);
  }

  #ask(flight: Flight): void {
    const mark = this.#deps.store.mark(flight.asker.request.stage);
    if (typeof mark === "number") this.#askSince(flight, mark);
    else void mark.then((number) => this.#askSince(flight, number));
  }

  #askSince(flight: Flight, mark: number): void {
    flight.mark = mark;
    flight.askedAtMs = this.#deps.clock.wallMs();
    try {
      flight.asker.ask(questionOf(flight), flight);
    } catch (error) {
      flight.fail(PlatformError.from(error));
    }
  }

  #exchange(
    { asker, mark, askedAtMs }: Flight,
    head: AnswerHead,
    length: number | undefined,
  ): Exchange {
    const { request, facts } = asker;
    return { request, facts, head, length, mark, askedAtMs, cameAtMs: this.#deps.clock.wallMs() };
  }

  /** The answer is for the one who asked; all others ask for themselves. */
  #relay(flight: Flight): Course {
    this.#close(flight);
    this.#alone.add(flight.key);
    const waiting = flight.waiters.splice(0);
    const isWaiting = waiting.includes(flight.asker);
    // After this turn: the answer that is here goes first.
    for (const waiter of waiting) {
      if (waiter !== flight.asker) queueMicrotask(() => this.fetch(waiter, flight.fwd, undefined));
    }
    if (!isWaiting) return { kind: "relay", to: NOBODY };
    const how = { fwd: flight.fwd, isStored: false, isCollapsed: false };
    return { kind: "relay", to: relayTo(flight.asker.to, () => how) };
  }

  #fill(flight: Flight, came: Came): FillCourse {
    const { head, length, storable } = came;
    const { asker } = flight;
    this.#alone.delete(flight.key);
    const key = this.#moveTo(flight, storable);
    const seesIt = (waiter: Waiter): boolean => this.#maySee(flight, storable, waiter);
    const waiting = flight.waiters.splice(0);
    for (const waiter of waiting) {
      if (waiter === asker || seesIt(waiter)) flight.waiters.push(waiter);
      else queueMicrotask(() => this.#again(waiter));
    }
    const how = { fwd: flight.fwd, fwdStatus: head.status, isStored: true };
    const shown = { ...head, headers: shownHeaders(came, storable.isEncodable) };
    const headFor = (waiter: Waiter): AnswerHead =>
      waiter === asker
        ? passedHead(shown, { ...how, isCollapsed: false })
        : askedHead(storable, this.#deps.clock.wallMs(), { ...how, isCollapsed: true });
    const give = (waiter: Waiter, body: Uint8Array): void =>
      giveKept(waiter, { head: headFor(waiter), body }, this.#givenAt());
    const keep = (body: Uint8Array): void => {
      const bodyId = Buffer.from(this.#deps.random.bytes(9)).toString("base64url");
      this.#keep(flight, key, { ...storable, body, bodyId });
    };
    const fill = new Fill(
      {
        ...{ nowMs: () => this.#deps.clock.wallMs(), headFor, give },
        whole: keep,
        overflown: () => {
          this.#close(flight);
          this.#alone.add(flight.key);
        },
        broken: () => this.#close(flight),
      },
      { bytesMax: asker.request.policy.bytesMax, budget: this.#budget, length },
    );
    const whole = (body: Uint8Array): void => {
      keep(new Uint8Array(body));
      for (const waiter of flight.waiters.splice(0)) give(waiter, body);
    };
    return { kind: "fill", fill, maySee: seesIt, whole };
  }

  /** What was asked for under one key turns out to vary: then it is found under its own. */
  #moveTo(flight: Flight, { vary }: Storable): string {
    const { request, primary } = flight.asker;
    if (vary.length === 0) return primary;
    const { stage } = request;
    const kept = { kind: "vary", vary } as const;
    void this.#deps.store.put({ stage, key: primary, kept, keepMs: KEPT_TO_ASK_MS * 24 });
    const key = variantKey(primary, vary, request);
    const isOpen = this.#flights.get(flight.key) === flight;
    this.#close(flight);
    flight.key = classed(flight.asker, key);
    if (isOpen && !this.#flights.has(flight.key)) this.#flights.set(flight.key, flight);
    return key;
  }

  #maySee(flight: Flight, storable: Storable, waiter: Waiter): boolean {
    const nowMs = this.#deps.clock.wallMs();
    if (!maySee(storable, waiter.facts)) return false;
    if (decideUse(storable, waiter.facts, nowMs) === "validate") return false;
    const { vary } = storable;
    const keyFor = ({ primary, request }: Waiter): string => variantKey(primary, vary, request);
    return vary.length === 0 || keyFor(waiter) === keyFor(flight.asker);
  }

  #keep(flight: Flight, key: string, kept: KeptAnswer): void {
    this.#close(flight);
    const { stage } = flight.asker.request;
    const windowS = Math.max(kept.staleWhileRevalidateS, kept.staleIfErrorS);
    const keepMs = (kept.freshForS + windowS) * 1_000 + KEPT_TO_ASK_MS;
    void this.#deps.store.put({ stage, key, kept, keepMs });
  }

  #confirm(flight: Flight, about: KeptAnswer, head: AnswerHead): Course {
    const tag = head.headers.find((_, i, all) => all[i - 1]?.toLowerCase() === "etag");
    if (tag !== undefined && about.etag !== undefined && !isSameEtag(tag, about.etag)) {
      return this.#askWithout(flight);
    }
    const exchange = this.#exchange(flight, head, about.body.length);
    const renewed = confirmed(about, exchange);
    if (renewed === undefined) this.#close(flight);
    else this.#keep(flight, this.#moveTo(flight, renewed), renewed);
    const shown = renewed ?? { ...about, headers: confirmedHeaders(about, head.headers) };
    const how = { fwd: flight.fwd, fwdStatus: 304, isStored: renewed !== undefined };
    const nowMs = this.#deps.clock.wallMs();
    for (const waiter of flight.waiters.splice(0)) {
      const isAsker = waiter === flight.asker;
      if (!isAsker && (renewed === undefined || !this.#maySee(flight, renewed, waiter))) {
        queueMicrotask(() => this.#again(waiter));
        continue;
      }
      const given = askedHead(shown, nowMs, { ...how, isCollapsed: !isAsker });
      const own = isAsker ? withCookies(given, head.headers) : given;
      giveKept(waiter, { head: own, body: about.body }, this.#givenAt());
    }
    return { kind: "relay", to: NOBODY };
  }

  /**
   * The origin confirmed another answer than the kept one (RFC 9111, 4.3.4): asks for the whole.
   */
  #askWithout(flight: Flight): Course {
    this.#close(flight);
    const { key, asker, fwd } = flight;
    const anew = new Flight(this, { key, asker, about: undefined, fwd });
    anew.waiters = flight.waiters.splice(0);
    if (!this.#flights.has(key)) this.#flights.set(key, anew);
    queueMicrotask(() => this.#ask(anew));
    return { kind: "relay", to: NOBODY };
  }

  #giveOlder(flight: Flight, about: KeptAnswer, fwdStatus: number): Course {
    this.#close(flight);
    const how = { fwd: flight.fwd, fwdStatus, isStored: false };
    for (const waiter of flight.waiters.splice(0)) {
      const isCollapsed = waiter !== flight.asker;
      const head = askedHead(about, this.#deps.clock.wallMs(), { ...how, isCollapsed });
      giveKept(waiter, { head, body: about.body }, this.#givenAt());
    }
    return { kind: "relay", to: NOBODY };
  }

  #again(waiter: Waiter): void {
    waiter.rounds++;
    if (waiter.rounds < ROUNDS_MAX) return this.#deps.again(waiter);
    this.#alone.add(flightKey(waiter));
    this.fetch(waiter, "vary-miss", undefined);
  }

  #close(flight: Flight): void {
    if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key);
  }

  #givenAt(): { nowMs: number; boundary: () => string } {
    const { clock, random } = this.#deps;
    return { nowMs: clock.wallMs(), boundary: () => Buffer.from(random.bytes(18)).toString("hex") };
  }
}

interface Came {
  readonly head: AnswerHead;
  readonly length: number | undefined;
  readonly storable: Storable;
}

/** Without the client's conditions, and with those of the cache. */
function questionOf({ asker, about }: Flight): readonly string[] {
  const headers = without(asker.request.headers, CONDITIONS);
  if (about?.etag !== undefined) headers.push("If-None-Match", about.etag);
  if (about?.lastModified !== undefined) headers.push("If-Modified-Since", about.lastModified);
  return headers;
}

function hasConditions({ facts }: Waiter): boolean {
  const { range, ifNoneMatch, ifModifiedSince } = facts;
  return range !== undefined || ifNoneMatch !== undefined || ifModifiedSince !== undefined;
}

function flightKey(waiter: Waiter): string {
  return classed(waiter, waiter.key);
}

function classed({ facts }: Waiter, key: string): string {
  return facts.hasCredentials ? `+${key}` : `-${key}`;
}
