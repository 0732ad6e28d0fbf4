/**
 * The configuration of one function: the one schema from which types, docs, `skerry.yaml`, the API
 * and its errors follow. Changing any of it makes a new revision.
 */
import { isTimeZone, parseCron } from "@skerry/base";
import { z } from "zod";
import { FOREIGN_FORMATS, RUNTIMES, STREAM_LIMITS } from "../function-defaults.ts";
import { BUS_TOPIC } from "../ledger-wire.ts";
import { LIMITS } from "../limits.ts";
import { asyncPolicy } from "./async-policy.ts";
import { envName, variables } from "./environment.ts";
import { secretName, topicName } from "./names.ts";
import { networkTarget, targetPattern } from "./network-targets.ts";
import { functionLimits } from "./quotas.ts";

const OPEN_NEEDS =
  "`open` needs a network namespace that an administrator has prepared for sandboxes, which this " +
  "release cannot be given. Use `web` for HTTP and HTTPS, and `connect` for named TCP targets.";

const connectName = z
  .string()
  .regex(
    /^[a-z][a-z0-9_]{0,30}$/,
    "A name in `connect` is 1–31 lower-case letters, digits and _, led by a letter.",
  )
  .refine(
    (name) => !name.startsWith("skerry_"),
    "Names that begin with skerry_ belong to the platform.",
  );

const provisionedSchedule = z.strictObject({
  instances: z.int().min(1).max(1_000).describe("Instances that are kept ready while it holds."),
  cron: z
    .string()
    .refine((text) => parseCron(text)?.fields === 5, "This is no cron expression of five fields.")
    .describe("When it begins: minute, hour, day, month, weekday, such as `0 8 * * 1-5`."),
  timezone: z
    .string()
    .max(64)
    .refine(isTimeZone, "This is no time zone, such as `Europe/Berlin`.")
    .default("UTC")
    .describe("Whose clocks the expression goes by."),
  durationMinutes: z.int().min(1).max(10_080).describe("How long it holds."),
});

const layerDigest = z
  .string()
  .regex(/^src_[0-9a-f]{64}$/, "A layer is the digest of an uploaded source: src_ and 64 digits.");

const streams = z.strictObject({
  idleTimeoutMs: z.int().min(100).max(3_600_000).default(STREAM_LIMITS.idleTimeoutMs),
  maxDurationMs: z.int().min(100).max(3_600_000).default(STREAM_LIMITS.maxDurationMs),
});

export const functionConfig = z.strictObject({
  runtime: z.enum(RUNTIMES).default("node26").describe("Language runtime."),
  entry: z
    .string()
    .max(255)
    .optional()
    .describe("File with the handler; the runtime's usual names, such as index.ts, when absent."),
  command: z
    .string()
    .min(1)
    .max(4_096)
    .optional()
    .describe(
      "Shell command that starts a web server on $PORT. With runtime `custom` and without it, a " +
        "file `scf_bootstrap` starts one, or `bootstrap` one or a program that fetches its events.",
    ),
  port: z
    .int()
    .min(1_024)
    .max(65_535)
    .optional()
    .describe("Port of the web server, told as $PORT; 9000 when absent."),
  handler: z
    .string()
    .max(255)
    .regex(/^[A-Za-z_$][\w$]*$/)
    .default("handler")
    .describe("Export that handles events; a default export with `fetch` wins."),
  eventFormat: z
    .enum(FOREIGN_FORMATS)
    .optional()
    .describe(
      "Shape of the event of a URL call, and of its answer: as of API gateways and function URLs " +
        "of SCF, HTTP triggers of FC, or function URLs of Lambda; Skerry's own when absent. With " +
        "`fc` every event comes as bytes, and a text result is the answer as it is. Timers, topics " +
        "and rules have an `eventFormat` of their own.",
    ),
  memoryMb: z.int().min(64).max(10_240).default(128).describe("Memory of one instance, in MiB."),
  timeoutMs: z.int().min(10).max(900_000).default(10_000).describe("Longest run of one request."),
  initTimeoutMs: z
    .int()
    .min(100)
    .max(120_000)
    .default(10_000)
    .describe("Longest time for loading the code."),
  backgroundTimeoutMs: z
    .int()
    .min(100)
    .max(LIMITS.backgroundMsMax)
    .optional()
    .describe(
      "Longest run of work that `waitUntil` leaves for after the answer; 30000 when absent.",
    ),
  stopTimeoutMs: z
    .int()
    .min(0)
    .max(LIMITS.stopMsMax)
    .optional()
    .describe(
      "Longest run of a `preStop` hook, and of a program between SIGTERM and its end; 2000 when " +
        "absent.",
    ),
  idleTimeoutMs: z
    .int()
    .min(100)
    .max(86_400_000)
    .default(300_000)
    .describe("An instance without a request for this long is stopped."),
  streams: streams
    .optional()
    .describe(
      "Limits of WebSockets and other upgraded connections: how long without a byte either way " +
        "(300000 when absent) and how long in all (3600000). Once set, they also bound answers " +
        "that stream, from their head on and in place of `timeoutMs`.",
    ),
  queueTimeoutMs: z
    .int()
    .min(0)
    .max(120_000)
    .default(10_000)
    .describe("Longest wait for a free slot before a request is refused."),
  concurrency: z
    .int()
    .min(1)
    .max(1_000)
    .optional()
    .describe(
      "Requests at once in one instance; 1 for event handlers and PHP's pages and 100 for others " +
        "when absent.",
    ),
  provisionedInstances: z
    .int()
    .min(0)
    .max(1_000)
    .default(0)
    .describe("Instances that are kept ready at all times, never more than `maxInstances`."),
  provisionedSchedules: z
    .array(provisionedSchedule)
    .max(LIMITS.provisionedSchedulesMax)
    .optional()
    .describe("Times at which more instances are kept ready than `provisionedInstances`."),
  maxInstances: z.int().min(1).max(1_000).default(20).describe("Most instances at once."),
  limits: functionLimits
    .optional()
    .describe("Limits of its own, within the account's quotas: rate, concurrency, log volume."),
  async: asyncPolicy
    .optional()
    .describe("What becomes of invocations that are accepted to run later, whatever their source."),
  rest: z
    .enum(["freeze", "run"])
    .default("freeze")
    .describe("Whether an instance without a request is frozen or goes on running."),
  auth: z
    .enum(["key", "none"])
    .default("key")
    .describe("Who may call the URL: holders of a key, or everyone."),
  callers: z
    .enum(["app", "account", "any"])
    .optional()
    .describe(
      "Functions that may call it by `context.call`: of its app, of its account (when absent), any.",
    ),
  publish: z
    .array(z.union([topicName, z.literal(BUS_TOPIC)]))
    .max(LIMITS.topicsPublishedMax)
    .optional()
    .describe(
      "Topics that it may publish to by `context.publish`, and `$bus` for events of the bus; all " +
        "of its account's when absent.",
    ),
  egress: z
    .enum(["none", "web", "open"])
    .refine((egress) => egress !== "open", OPEN_NEEDS)
    .optional()
    .describe(
      "What the code reaches beside `connect`: nothing, or HTTP and HTTPS at public addresses by " +
        "a proxy (`web`, when absent). `open` is refused: sandboxes have no network for it.",
    ),
  egressAllow: z
    .array(targetPattern)
    .max(LIMITS.egressAllowMax)
    .optional()
    .describe(
      "Hosts that `web` reaches, such as `api.example.org` or `*.example.org:443`; all when absent.",
    ),
  connect: z
    .record(connectName, networkTarget)
    .refine(
      (targets) => Object.keys(targets).length <= LIMITS.connectTargetsMax,
      `A function connects to at most ${LIMITS.connectTargetsMax} targets.`,
    )
    .optional()
    .describe(
      "TCP targets by name, such as `db: 10.0.0.5:5432`; the code connects to $DB_HOST and $DB_PORT.",
    ),
  secrets: z
    .record(envName, secretName)
    .refine(
      (names) => Object.keys(names).length <= LIMITS.secretsPerFunctionMax,
      `A function is given at most ${LIMITS.secretsPerFunctionMax} secrets.`,
    )
    .optional()
    .describe(
      "Secrets as environment variables, such as `DB_PASSWORD: db-password`: one of the app, " +
        "else of the account.",
    ),
  layers: z
    .array(layerDigest)
    .max(LIMITS.layersMax)
    .refine((all) => new Set(all).size === all.length, "A layer stands in the list once.")
    .optional()
    .describe(
      "Digests of uploaded folders that the code sees at /opt, merged in this order; in " +
        "`skerry.yaml` names of its `layers`.",
    ),
  env: variables.default({}).describe("Environment variables of the function."),
});

/** A checked configuration with every default filled in. */
export type FunctionConfig = z.infer<typeof functionConfig>;
/** What a user may write; everything has a default. */
export type FunctionConfigInput = z.input<typeof functionConfig>;
