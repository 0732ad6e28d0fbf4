/**
 * Changes of what lies in another database than the audit: recorded before they are made, with
 * their answer kept once they are done, so that the same request that comes again does what was not
 * done. What may be refused is asked before.
 */
import { EMPTY, json, type Answer, type ChangeStamp } from "@skerry/api-serving";
import type { AuditRecord } from "@skerry/accounts";
import type { EventApiDeps } from "./ports.ts";

/** What is recorded of a change. */
export interface ChangeTold extends Pick<AuditRecord, "action" | "details"> {
  readonly subject: string;
  stamp(): ChangeStamp;
}

/** Records a change, makes it and keeps its answer; what is answered is empty for `undefined`. */
export async function recordedChange(
  { platform }: Pick<EventApiDeps, "platform">,
  { action, details, subject, stamp: stampOf }: ChangeTold,
  make: () => Promise<unknown>,
): Promise<Answer> {
  const stamp = stampOf();
  await platform.recordAudit({ ...stamp, action, resource: subject, details });
  const answer = await make();
  await platform.keepAnswer(stamp, { subject, ...(answer === undefined ? {} : { answer }) });
  return answer === undefined ? EMPTY : json(answer);
}
