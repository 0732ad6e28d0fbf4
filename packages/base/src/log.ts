/** The platform's own log (not the logs of functions). Sinks live in the composition root. */
export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose every line also carries `fields`. */
  with(fields: LogFields): Log;
}

/** Builds a Log over one write function; `write` must not throw. */
export function createLog(
  write: (level: LogLevel, message: string, fields: LogFields) => void,
): Log {
  const make = (bound: LogFields): Log => {
    const at =
      (level: LogLevel) =>
      (message: string, fields?: LogFields): void =>
        write(level, message, fields === undefined ? bound : { ...bound, ...fields });
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      with: (fields) => make({ ...bound, ...fields }),
    };
  };
  return make({});
}

/** Swallows everything. */
export function silentLog(): Log {
  return createLog(() => undefined);
}
