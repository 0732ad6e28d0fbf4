/** What a caller is told of what control refused. */
import { PlatformError, type WireError } from "@skerry/base";

/** As the control API answers it. */
const KEY_CONFLICT = "IDEMPOTENCY_KEY_CONFLICT";
const KEY_CONFLICT_STATUS = 422;
/** Faults of the platform, whose words are for its operator. */
const HIDDEN_CODES: ReadonlySet<string> = new Set(["INTERNAL", "UNKNOWN", "DATA_LOSS"]);

/** Only a user's business is told by its name; of statuses a wire knows those of the codes. */
export function refusalOf(error: WireError): PlatformError {
  if (HIDDEN_CODES.has(error.code)) return PlatformError.from(undefined);
  const known = PlatformError.fromWire(error);
  if (known.reason !== KEY_CONFLICT) return known;
  const { code, reason, message, hint, retryable, details } = known;
  const httpStatus = KEY_CONFLICT_STATUS;
  return new PlatformError({ code, reason, message, hint, retryable, details, httpStatus });
}
