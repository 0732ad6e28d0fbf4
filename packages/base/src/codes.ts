/**
 * The closed set of error codes: gRPC's canonical names, with the one table from which the HTTP
 * status and the exit code of the CLI follow. Source: google.rpc.Code and its documented HTTP
 * mapping; exit codes are ours.
 */
const CODE_TABLE = {
  CANCELLED: { httpStatus: 499, exitCode: 10 },
  UNKNOWN: { httpStatus: 500, exitCode: 1 },
  INVALID_ARGUMENT: { httpStatus: 400, exitCode: 2 },
  DEADLINE_EXCEEDED: { httpStatus: 504, exitCode: 11 },
  NOT_FOUND: { httpStatus: 404, exitCode: 4 },
  ALREADY_EXISTS: { httpStatus: 409, exitCode: 5 },
  PERMISSION_DENIED: { httpStatus: 403, exitCode: 6 },
  RESOURCE_EXHAUSTED: { httpStatus: 429, exitCode: 8 },
  FAILED_PRECONDITION: { httpStatus: 412, exitCode: 9 },
  ABORTED: { httpStatus: 409, exitCode: 12 },
  OUT_OF_RANGE: { httpStatus: 416, exitCode: 13 },
  UNIMPLEMENTED: { httpStatus: 501, exitCode: 14 },
  INTERNAL: { httpStatus: 500, exitCode: 15 },
  UNAVAILABLE: { httpStatus: 503, exitCode: 16 },
  DATA_LOSS: { httpStatus: 500, exitCode: 17 },
  UNAUTHENTICATED: { httpStatus: 401, exitCode: 7 },
} as const;

export type ErrorCode = keyof typeof CODE_TABLE;

export const ERROR_CODES: readonly ErrorCode[] = Object.keys(CODE_TABLE) as ErrorCode[];

export function httpStatusOf(code: ErrorCode): number {
  return CODE_TABLE[code].httpStatus;
}

export function exitCodeOf(code: ErrorCode): number {
  return CODE_TABLE[code].exitCode;
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(CODE_TABLE, value);
}
