/**
 * Following a log for as long as one likes. The platform ends a follow when it is restarted, and
 * connections break; this takes the log up again behind the last line that arrived, so that no line
 * is missed and none comes twice.
 */
import { delay, PlatformError, systemClock, type Clock } from "@skerry/base";
import type { LogFilterQuery, LogLineResource } from "@skerry/contracts";
import type { Client } from "./types.ts";

export interface FollowOptions {
  readonly app: string;
  readonly fn: string;
  /** Only lines of this request. */
  readonly request?: string | undefined;
  /** Further keys of the query, such as `grep` and `level`. */
  readonly filter?: LogFilterQuery | undefined;
  /** Only lines behind this one. */
  readonly cursor?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long the platform may be away in one go before its error is thrown. Default one minute. */
  readonly awayMsMax?: number;
  readonly clock?: Clock;
}

const AWAY_MS_MAX = 60_000;
const PAUSE_MS = 250;

/** Never ends by itself: it throws the signal's reason, or what the platform answers. */
export async function* followLogs(
  client: Pick<Client, "listLogs">,
  options: FollowOptions,
): AsyncGenerator<LogLineResource, never, void> {
  const { app, fn, request, filter = {}, signal, awayMsMax = AWAY_MS_MAX } = options;
  const { clock = systemClock() } = options;
  let { cursor } = options;
  let heardMs = clock.monotonicMs();
  for (;;) {
    try {
      const query = { ...filter, follow: "true", request, cursor };
      for await (const line of client.listLogs({ params: { app, fn }, query, signal })) {
        yield line;
        cursor = line.cursor;
        heardMs = clock.monotonicMs();
      }
      heardMs = clock.monotonicMs();
    } catch (error) {
      const isAway = PlatformError.is(error) && error.code === "UNAVAILABLE";
      if (!isAway || clock.monotonicMs() - heardMs > awayMsMax) throw error;
    }
    await delay(clock, PAUSE_MS, signal);
  }
}
