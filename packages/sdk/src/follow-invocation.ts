/**
 * Following an accepted invocation to its end: over restarts of the platform, which end an answer
 * before the invocation has.
 */
import { delay, PlatformError, systemClock } from "@skerry/base";
import type { InvocationMoment } from "@skerry/api-schema";
import type { FollowSettings } from "./follow.ts";
import type { Client } from "./types.ts";

export interface FollowInvocationOptions extends Omit<FollowSettings, "cursor"> {
  readonly invocation: string;
}

const AWAY_MS_MAX = 60_000;
const PAUSE_MS = 250;

/**
 * How it stands, then every change of it; the last one has `settledAt`. Throws what the platform
 * answers, and the signal's reason.
 */
export async function* followInvocation(
  client: Pick<Client, "followInvocation">,
  options: FollowInvocationOptions,
): AsyncGenerator<InvocationMoment, void, void> {
  const { invocation: request, signal, awayMsMax = AWAY_MS_MAX } = options;
  const { clock = systemClock() } = options;
  let heardMs = clock.monotonicMs();
  let told = "";
  for (;;) {
    try {
      for await (const moment of client.followInvocation({ params: { request }, signal })) {
        heardMs = clock.monotonicMs();
        const text = JSON.stringify(moment);
        if (text !== told) yield moment;
        told = text;
        if (moment.settledAt !== null) return;
      }
      heardMs = clock.monotonicMs();
    } catch (error) {
      const isAway = PlatformError.is(error) && error.code === "UNAVAILABLE";
      if (!isAway || clock.monotonicMs() - heardMs > awayMsMax) throw error;
    }
    await delay(clock, PAUSE_MS, signal);
  }
}
