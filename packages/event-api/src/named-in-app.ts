/** What calls are about that name a thing within an app. */
import type { OperationCall } from "@skerry/api-serving";
import type { TimerName } from "./timer-ports.ts";

type Call = Pick<OperationCall<"getTimer">, "params" | "principal">;
type Kind = "action" | "rule" | "timer";

/** Which one of its kind. */
export function nameOf({ params, principal: { accountId } }: Call, kind: Kind): TimerName {
  return { accountId, app: params.app, name: params[kind] };
}

/** As the audit names it. */
export function subjectOf({ params }: Call, kind: Kind): string {
  return `app/${params.app}/${kind}/${params[kind]}`;
}
