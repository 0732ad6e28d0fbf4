/**
 * What tests of the platform's clients need: a platform that is not one, resources as it tells of
 * them, and a run of commands. It loads all schemas of the API, which other tests do without.
 */
export {
  ACCEPTED,
  ACCEPTED_DETAILS,
  appNamed,
  AT,
  AUDIT,
  buildLine,
  deploymentOf,
  DIGEST,
  functionNamed,
  functionWith,
  INSTANCE,
  INSTANCE_ID,
  INVOCATION,
  KEY_RESOURCE,
  LANE,
  logLine,
  momentsOf,
  PLATFORM,
} from "./api-resources.ts";
export {
  FAKE_KEY,
  refusal,
  startFakePlatform,
  type Answers,
  type Asked,
  type FakePlatform,
  type Invoke,
} from "./fake-platform.ts";
export {
  onTerminal,
  withPipes,
  type Run,
  type RunOptions,
  type RunResult,
} from "./run-commands.ts";
