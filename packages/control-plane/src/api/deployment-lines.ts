/** The log of a deployment as lines of an answer: what is there, and with `follow` what comes. */
import type { DeploymentId } from "@skerry/base";
import type { DeploymentLogLine } from "@skerry/api-schema";
import { invalid } from "@skerry/contracts";
import type { DeploymentLogEntry } from "@skerry/functions/catalogue";
import { logSubject } from "../deployment-logs.ts";
import { storeModule } from "../store-module.ts";
import type { ApiDeps } from "./api-deps.ts";
import type { OperationCall } from "@skerry/api-serving";

type LogCall = OperationCall<"listDeploymentLog">;

interface LogPart {
  readonly lines: readonly DeploymentLogEntry[];
  readonly hasEnded: boolean;
}

/** The number behind which a log goes on. Throws INPUT_INVALID. */
export function logPosition(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  if (!/^[0-9]{1,15}$/.test(cursor)) throw invalid("query", ["cursor: this is no line's cursor"]);
  return Number(cursor);
}

/** One part of the log. Throws DEPLOYMENT_NOT_FOUND. */
export function readDeploymentLog(
  { store }: Pick<ApiDeps, "store">,
  { principal, params, query }: LogCall,
  after: number,
): Promise<LogPart> {
  const { app, deployment: id } = params;
  return store.call(storeModule, "listDeploymentLog", {
    ...{ accountId: principal.accountId, app, id, after, limit: query.limit },
  });
}

/** `first` was read before the answer began: what is wrong with the request is its status. */
export async function* deploymentLines(
  deps: Pick<ApiDeps, "store" | "changes">,
  call: LogCall,
  first: LogPart,
): AsyncIterable<DeploymentLogLine> {
  const { query, signal, params, isHead } = call;
  if (isHead) return;
  let part = first;
  let after = logPosition(query.cursor);
  for (;;) {
    for (const line of part.lines) yield lineOf(line);
    after = part.lines.at(-1)?.seq ?? after;
    const isOver = part.hasEnded && part.lines.length === 0;
    if (!query.follow || isOver || signal.aborted) return;
    const watch = watchBoth(deps, params.deployment, signal);
    try {
      part = await readDeploymentLog(deps, call, after);
      if (part.lines.length > 0 || part.hasEnded) continue;
      await watch.woken;
      part = await readDeploymentLog(deps, call, after);
    } finally {
      watch.stop();
    }
  }
}

/** The deployment may end without another line. */
function watchBoth(
  { changes }: Pick<ApiDeps, "changes">,
  id: DeploymentId,
  signal: AbortSignal,
): { readonly woken: Promise<void>; stop(): void } {
  const watches = [changes.watch(id, signal), changes.watch(logSubject(id), signal)];
  return {
    woken: Promise.race(watches.map(({ woken }) => woken)),
    stop: () => {
      for (const { stop } of watches) stop();
    },
  };
}

function lineOf({ atMs, functionName, seq, text }: DeploymentLogEntry): DeploymentLogLine {
  return { at: new Date(atMs).toISOString(), function: functionName, text, cursor: String(seq) };
}
