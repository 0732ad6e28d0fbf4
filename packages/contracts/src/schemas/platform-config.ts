/**
 * The platform's configuration: one schema from which types, environment names, flags and docs
 * follow.
 */
import { z } from "zod";
import { splitPatterns } from "../network-targets.ts";
import { targetPatternList } from "./network-targets.ts";

const addressList = z
  .string()
  .max(4_096)
  .refine(
    (text) => splitPatterns(text).every((one) => address.safeParse(one).success),
    "A list of addresses and networks, separated by commas.",
  );
const address = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]);

export const platformConfig = z.strictObject({
  home: z
    .string()
    .min(1)
    .describe("Directory of all state; `/var/lib/skerry` for root, else `~/.skerry`. Restart."),
  host: z.string().min(1).default("127.0.0.1").describe("Address to listen on. Restart."),
  apiPort: z.int().min(0).max(65_535).default(4400).describe("Port of the control API. Restart."),
  gatewayPort: z.int().min(0).max(65_535).default(4480).describe("Port of the gateway. Restart."),
  gatewayTlsPort: z
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe("Port of the gateway for TLS, with HTTP/2; without it there is none. Restart."),
  gatewayTlsPublicPort: z
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe(
      "Port at which clients reach it, as behind a forwarded one, for redirects; otherwise the " +
        "same. Restart.",
    ),
  gatewayTlsCert: z
    .string()
    .default("")
    .describe(
      "File of a PEM certificate chain, the leaf first, for hosts that are no domain with a " +
        "certificate of its own; read again when it changes. Restart.",
    ),
  gatewayTlsKey: z
    .string()
    .default("")
    .describe("File of its PEM private key; read again when it changes. Restart."),
  gateways: z.int().min(1).max(64).default(1).describe("Gateway processes. Restart."),
  sandbox: z
    .enum(["auto", "bubblewrap", "process"])
    .default("auto")
    .describe("Sandbox rung; auto takes the strongest that works. Restart."),
  store: z
    .string()
    .default("sqlite")
    .describe("`sqlite`, or the URL of a PostgreSQL database. Restart."),
  connectTargets: targetPatternList
    .default("*")
    .describe(
      "What functions may name in `connect`: patterns such as `10.0.*.*:5432, *.db.internal`, " +
        "separated by commas. Restart.",
    ),
  connectMetadata: targetPatternList
    .default("")
    .describe(
      "Link-local and metadata addresses that `connect` may lead to all the same, such as " +
        "`169.254.169.254:80`: patterns over addresses as in `connectTargets`. Restart.",
    ),
  buildHosts: targetPatternList
    .default("")
    .describe(
      "Hosts that builds may reach besides public addresses, such as a mirror of packages: " +
        "patterns as in `connectTargets`. Restart.",
    ),
  webhookHosts: targetPatternList
    .default("")
    .describe(
      "Hosts that webhooks may be at besides public addresses, also without TLS: patterns as in " +
        "`connectTargets`. Restart.",
    ),
  trustedProxies: addressList
    .default("")
    .describe(
      "Peers whose `X-Forwarded-For` is believed, addresses and networks such as " +
        "`10.0.0.0/8, ::1`, separated by commas. Restart.",
    ),
  responseCacheMb: z
    .int()
    .min(1)
    .max(65_536)
    .default(64)
    .describe("Memory of each gateway for kept answers of routes, MiB. Restart."),
  responseCacheStore: z
    .string()
    .regex(/^(?:memory$|rediss?:\/\/)/, "`memory`, or a URL such as `redis://user:password@host`.")
    .default("memory")
    .describe(
      "`memory`, or the URL of a Redis or Valkey in which gateways share kept answers. Restart.",
    ),
  buildEgress: z
    .enum(["public", "hosts", "none"])
    .default("public")
    .describe(
      "What builds reach: public addresses and `buildHosts`, only `buildHosts`, or nothing; then " +
        "only what was installed before can be installed. Restart.",
    ),
  buildFreeMbMin: z
    .int()
    .min(0)
    .max(16_777_216)
    .default(1_024)
    .describe(
      "Free space of the disk below which no build begins or goes on, MiB; a twentieth of a " +
        "smaller disk. Restart.",
    ),
  secretsKeyCommand: z
    .string()
    .max(4_096)
    .default("")
    .describe(
      "Program with arguments, split at blanks, that wraps and unwraps the data keys of secrets " +
        "(docs/secrets.md); empty keeps a master key in `secrets.key` of the home. Restart.",
    ),
  blanks: z
    .int()
    .min(0)
    .max(64)
    .default(2)
    .describe("Pre-started sandboxes kept for each hot pool. Restart."),
  uidFirst: z
    .int()
    .min(1_000)
    .max(4_000_000_000)
    .default(200_000)
    .describe("First kernel uid for instances when the platform runs as root. Restart."),
  uidCount: z
    .int()
    .min(16)
    .max(16_777_216)
    .default(65_536)
    .describe("Size of that range. Restart."),
  drainDeadlineMs: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(30_000)
    .describe("Longest wait for running requests at a restart or stop. Restart."),
  roleSilenceMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(30_000)
    .describe(
      "A control, gateway or agent that does not answer for this long, though the machine lets " +
        "it run, is replaced; 0 never does, as for a debugger. Restart.",
    ),
  logLevel: z
    .enum(["debug", "info", "warn", "error"])
    .default("info")
    .describe("Least severe lines that the platform's own log keeps. Restart."),
  telemetryDays: z
    .int()
    .min(1)
    .max(3_650)
    .default(7)
    .describe("Age at which logs and records go. Restart."),
  logMbMax: z
    .int()
    .min(1)
    .max(16_777_216)
    .default(2_048)
    .describe("Log lines beyond this size go, the oldest first, MiB. Restart."),
  recordMbMax: z
    .int()
    .min(1)
    .max(16_777_216)
    .default(2_048)
    .describe("Invocation records beyond this size go, the oldest first, MiB. Restart."),
  ledgerDays: z
    .int()
    .min(1)
    .max(36_500)
    .default(7)
    .describe("Age, after their end, at which accepted invocations go, days. Restart."),
  ledgerMbMax: z
    .int()
    .min(1)
    .max(16_777_216)
    .default(4_096)
    .describe(
      "Accepted invocations that ended go beyond this size, the oldest first, MiB. Restart.",
    ),
  eventHours: z
    .int()
    .min(1)
    .max(8_760)
    .default(24)
    .describe(
      "How long the bus keeps an event and takes another of its source and id for the same, hours. " +
        "Restart.",
    ),
  eventMbMax: z
    .int()
    .min(1)
    .max(16_777_216)
    .default(1_024)
    .describe(
      "Events beyond this size go earlier, the oldest of the apps that have most, MiB. Restart.",
    ),
  auditDays: z
    .int()
    .min(1)
    .max(36_500)
    .default(365)
    .describe("Age at which audit records go. Restart."),
  auditRecordsMax: z
    .int()
    .min(1_000)
    .max(10_000_000)
    .default(100_000)
    .describe("Audit records beyond this number go, the oldest first. Restart."),
  auditDaysMin: z
    .int()
    .min(0)
    .max(36_500)
    .default(30)
    .describe("No audit record goes before this age, whatever the other two say. Restart."),
  otlpEndpoint: z
    .string()
    .default("")
    .describe(
      "Base URL of an OTLP/HTTP receiver for spans and log lines, such as http://127.0.0.1:4318; empty sends nothing. Restart.",
    ),
  otlpSpans: z
    .enum(["none", "sampled", "all"])
    .default("sampled")
    .describe(
      "Invocations sent as spans: those whose caller sent a sampled trace, or all. Restart.",
    ),
  otlpLogs: z.boolean().default(true).describe("Send log lines of functions there too. Restart."),
  otlpHeadersFile: z
    .string()
    .default("")
    .describe("File with headers for the receiver, a line `Name: value` each. Restart."),
  deliverFile: z
    .string()
    .default("")
    .describe(
      "File to which log lines and records are appended as JSON lines; empty delivers nothing. Restart.",
    ),
  deliverFileMb: z
    .int()
    .min(1)
    .max(1_048_576)
    .default(64)
    .describe("Size at which that file is put aside, MiB. Restart."),
  deliverFilesKept: z
    .int()
    .min(0)
    .max(1_000)
    .default(5)
    .describe("Files kept that were put aside. Restart."),
  metricsOpen: z
    .boolean()
    .default(false)
    .describe("Answer /metrics without a key to callers on this machine. Restart."),
  revisionsKept: z
    .int()
    .min(0)
    .max(1_000)
    .default(10)
    .describe(
      "Revisions without a number kept for each function beside the one in force. Restart.",
    ),
  codeGraceHours: z
    .int()
    .min(1)
    .max(8_760)
    .default(24)
    .describe("Age at which code goes that nothing refers to any more. Restart."),
  idempotencyHours: z
    .int()
    .min(1)
    .max(720)
    .default(24)
    .describe(
      "How long the answer to an `Idempotency-Key` is kept, of changes and publishes. Restart.",
    ),
  requireIfMatch: z
    .boolean()
    .default(false)
    .describe("Refuse to change what has a tag without `If-Match` (428). Restart."),
  example: z
    .boolean()
    .default(true)
    .describe("Deploy examples/hello when the platform is empty. Restart."),
  priceCurrency: z.string().min(1).max(8).default("USD").describe("Of all prices. Restart."),
  priceGbSecond: z
    .number()
    .min(0)
    .max(1_000)
    .default(0.000_016_666_7)
    .describe("A gibibyte of memory for a second of billed time. Restart."),
  priceMillionCalls: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(0.2)
    .describe("A million calls. Restart."),
  priceAlwaysOnGbHour: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(0.0104)
    .describe("A gibibyte of a small machine that is always on, for an hour. Restart."),
});
export type PlatformConfig = z.infer<typeof platformConfig>;

/** The supervisor knows this file alone. */
export { envNameOf, flagOf } from "../config-names.ts";
