/**
 * What makes a change happen once that is repeated after it was made and before its answer was
 * kept: the ledger, which has it by then, is told under which key it was asked for.
 */
import { idempotencyKeyOf, type OperationCall } from "@skerry/api-serving";

/** Undefined without an idempotency key, which belongs to the platform key that sent it. */
export function onceOf(
  { req, principal }: Pick<OperationCall<"runTimer">, "req" | "principal">,
  operation: string,
): string | undefined {
  const key = idempotencyKeyOf(req);
  return key === undefined ? undefined : `${operation} ${principal.keyId} ${key}`;
}
