/**
 * A target of a route, opened for one request: which version it is is settled, so that a cache can
 * tell answers of one version from those of another before anything is asked.
 */
import type { AnswerSink } from "@skerry/http";
import type { FoundFunction, RoutedCall } from "../ports.ts";

export interface OpenTarget {
  /** Answers of targets of other versions are never this one's. */
  readonly version: string;
  /** Where it is, or lies with, a function. */
  readonly fn: FoundFunction | undefined;
  /** Asks it with headers of the client; throws why it is refused before it is asked. */
  perform(headers: readonly string[], to: AnswerSink): RoutedCall;
}

/** Of what is answered at once, or is not for one client to give up. */
export const ANSWERED: RoutedCall = { abandon: () => undefined };
