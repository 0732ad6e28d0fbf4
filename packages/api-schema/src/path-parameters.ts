/** Parameters of the API's paths. Each has one rule, wherever it stands. */
import {
  aliasName,
  appName,
  configObjectName,
  functionName,
  gatewayApiName,
  hostPattern,
  secretName,
  stageName,
  topicName,
} from "@skerry/contracts/schemas";
import type {
  ConsoleSessionId,
  DeploymentId,
  IdPrefix,
  InstanceId,
  KeyId,
  NodeId,
  RedriveId,
  ReleaseId,
  RequestId,
} from "@skerry/base";
import { z } from "zod";
import { ruleName } from "./bus.ts";
import { savedEventName } from "./console-resources.ts";
import { sourceDigestText } from "./resources.ts";
import { timerName } from "./timers.ts";

/** An id as text: its form is what `isId` of base accepts, and a test holds them together. */
const id = <T extends string>(prefix: IdPrefix, what: string): z.ZodType<T, T> =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-7][0-9a-hjkmnp-tv-z]{25}$`), `This is not the id of ${what}.`)
    .describe(`Id of ${what}.`) as unknown as z.ZodType<T, T>;

const requestId = z
  .string()
  .regex(
    /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
    "This is not the id of a request.",
  )
  .describe("Id of a request.") as unknown as z.ZodType<RequestId, RequestId>;

/** By name, as they stand in braces in `OPERATIONS`. */
export const PATH_PARAMETERS = {
  app: appName.describe("Name of the app."),
  fn: functionName.describe("Name of the function."),
  version: z
    .string()
    .regex(/^[1-9][0-9]{0,8}$/, "This is not the number of a version.")
    .describe("Number of a version."),
  alias: aliasName.describe("Name of an alias."),
  digest: sourceDigestText.describe("Digest of the source."),
  deployment: id<DeploymentId>("dep", "a deployment"),
  instance: id<InstanceId>("inst", "an instance"),
  node: id<NodeId>("node", "a node"),
  key: id<KeyId>("key", "a key"),
  session: id<ConsoleSessionId>("ses", "a console session"),
  secret: secretName.describe("Name of a secret."),
  config: configObjectName.describe("Name of a config object."),
  serverKey: secretName.describe("Name of a server key."),
  action: functionName.describe("Name of an action."),
  timer: timerName.describe("Name of a timer."),
  topic: topicName.describe("Name of a topic."),
  trigger: functionName.describe("Name of a topic trigger."),
  rule: ruleName.describe("Name of a rule."),
  event: savedEventName.describe("Name of a saved event."),
  redrive: id<RedriveId>("rdr", "a redrive"),
  release: id<ReleaseId>("rel", "a release"),
  api: gatewayApiName.describe("Name of a gateway API."),
  stage: stageName.describe("Name of a stage; `dev` is `test`."),
  host: hostPattern.describe("Host of a domain; `*.shop.example` stands for one label."),
  publication: z
    .string()
    .regex(/^[1-9][0-9]{0,8}$/, "This is not the number of a publication.")
    .describe("Number of a publication."),
  request: requestId,
} as const;

/** The rule of a parameter; one that has none of its own is text. */
export function pathParameter(name: string): z.ZodType {
  const rules: Readonly<Record<string, z.ZodType>> = PATH_PARAMETERS;
  return Object.hasOwn(rules, name) ? (rules[name] ?? z.string()) : z.string();
}
