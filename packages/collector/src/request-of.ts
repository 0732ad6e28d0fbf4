/**
 * Whose a request is. The gateway gives each request one id, which the record of its function and
 * the access log of its API have in common, so that whoever may read one of them finds both by it.
 * What instances say of a request is believed of nobody but themselves: code can print any id.
 */
import type { Tx, TxStep } from "@skerry/store";

export interface RequestOf {
  /** A function, or a gateway API. */
  readonly functionId: string;
  readonly requestId: string;
}

const API_PREFIX = "api_";

/** Lines under this id are an access log, and stand for whole requests. */
export function isApi(id: string): boolean {
  return id.startsWith(API_PREFIX);
}

/** Whose lines and records of the request whoever may read one's log may read, too. */
export function* ownersOf(tx: Tx, { functionId, requestId }: RequestOf): TxStep<readonly string[]> {
  const record = yield* tx.get<{ function_id: string }>(
    "SELECT function_id FROM invocation_records WHERE request_id = ?",
    [requestId],
  );
  const rows = yield* tx.all<{ function_id: string }>(
    `SELECT DISTINCT function_id FROM log_lines
     WHERE request_id = ? AND SUBSTR(function_id, 1, ${API_PREFIX.length}) = '${API_PREFIX}'`,
    [requestId],
  );
  const apis = rows.map((row) => row.function_id);
  if (record?.function_id === functionId) return [functionId, ...apis];
  if (record === undefined || !apis.includes(functionId)) return [functionId];
  return [functionId, record.function_id];
}
