/**
 * Names that Lambda and SCF have for what a handler's context says, so that handlers written for
 * either find it there. They are on the prototype: nobody pays for them who does not ask, and a
 * context that is logged is not said twice. Whatever code sets under such a name is its own.
 */

/** What there are names for. */
interface Named {
  readonly requestId: string;
  readonly app: string;
  readonly function: string;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string>>;
  remainingMs(): number;
}

type Read = (context: Named) => unknown;

const versionOf: Read = ({ env }) => env["SKERRY_VERSION"];

const NAMES: Readonly<Record<string, Read>> = {
  awsRequestId: ({ requestId }) => requestId,
  functionName: (context) => context.function,
  functionVersion: versionOf,
  // Text in Lambda.
  memoryLimitInMB: ({ memoryMb }) => String(memoryMb),
  // There is none. Programs are told the same.
  invokedFunctionArn: (context) => `${context.app}/${context.function}`,
  getRemainingTimeInMillis: (context) => () => Math.round(context.remainingMs()),
  request_id: ({ requestId }) => requestId,
  function_name: (context) => context.function,
  function_version: versionOf,
  namespace: ({ app }) => app,
  memory_limit_in_mb: ({ memoryMb }) => memoryMb,
  // Its own limit, which does not shrink.
  time_limit_in_ms: ({ timeoutMs }) => timeoutMs,
};

/** Gives the contexts of this prototype the names. */
export function nameAsElsewhere(prototype: Named): void {
  for (const [name, read] of Object.entries(NAMES)) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      get(this: Named) {
        return read(this);
      },
      set(this: Named, value: unknown) {
        const own = { configurable: true, enumerable: true, writable: true };
        Object.defineProperty(this, name, { ...own, value });
      },
    });
  }
}
