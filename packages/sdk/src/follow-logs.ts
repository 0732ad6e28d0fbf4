/** Following the log of a function: it never ends by itself. */
import { assert } from "@skerry/base";
import type { LogFilterQuery, LogLineResource } from "@skerry/api-schema";
import { follow, type FollowSettings } from "./follow.ts";
import type { Client } from "./types.ts";

export interface FollowOptions extends FollowSettings {
  readonly app: string;
  readonly fn: string;
  /** Only lines of this request. */
  readonly request?: string | undefined;
  /** Further keys of the query, such as `grep` and `level`. */
  readonly filter?: LogFilterQuery | undefined;
}

/** Never ends by itself: it throws the signal's reason, or what the platform answers. */
export async function* followLogs(
  client: Pick<Client, "listLogs">,
  options: FollowOptions,
): AsyncGenerator<LogLineResource, never, void> {
  const { app, fn, request, filter = {}, signal } = options;
  const lines = (cursor: string | undefined): AsyncIterable<LogLineResource> => {
    const query = { ...filter, follow: "true", request, cursor };
    return client.listLogs({ params: { app, fn }, query, signal });
  };
  yield* follow({ lines }, options);
  assert(false, "a log is never complete");
}
