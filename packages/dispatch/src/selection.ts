/** Whose invocations are meant, and which of them: as lists of them and redrives are asked for. */
import type { AccountId, FunctionId } from "@skerry/base";
import type { LedgerSource } from "@skerry/contracts";

export interface Scope {
  readonly accountId: AccountId;
  /** Of these apps; null for all. */
  readonly apps: readonly string[] | null;
}

export interface Selection extends Scope {
  readonly functionId?: FunctionId | undefined;
  readonly source?: LedgerSource | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}
