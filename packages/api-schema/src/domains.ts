/** Hosts of users' own that lead to stages of gateway APIs. */
import { appName, gatewayApiName, stageName } from "@skerry/contracts/schemas";
import { z } from "zod";

const CHAIN_CHARS_MAX = 64 << 10;
const KEY_CHARS_MAX = 16 << 10;
const time = z.string().describe("ISO 8601, UTC.");

export const domainRequest = z.strictObject({
  app: appName,
  api: gatewayApiName,
  stage: stageName,
  httpsOnly: z.boolean().default(false).describe("Requests by plain HTTP are redirected."),
  certificate: z
    .strictObject({
      chain: z.string().min(1).max(CHAIN_CHARS_MAX).describe("PEM, the leaf first."),
      key: z.string().min(1).max(KEY_CHARS_MAX).describe("PEM of the private key, in the clear."),
    })
    .nullable()
    .optional()
    .describe("Kept as it is when absent; null takes it away."),
});
export type DomainRequest = z.input<typeof domainRequest>;

export const domainResource = z.object({
  host: z.string(),
  app: z.string(),
  api: z.string(),
  stage: z.string(),
  httpsOnly: z.boolean(),
  certificate: z
    .object({
      names: z.array(z.string()).describe("Hosts that it is good for."),
      issuer: z.string(),
      notBefore: time,
      notAfter: time,
      sha256: z.string().describe("Of the leaf, lower-case hex."),
    })
    .nullable()
    .describe("Null: none of its own. The key is told nowhere."),
  createdAt: time,
  updatedAt: time,
  etag: z.string(),
});
export type DomainResource = z.infer<typeof domainResource>;

export const changedDomain = domainResource.extend({
  isNew: z.boolean().describe("False: it was there before."),
  behind: z
    .array(z.string())
    .describe("Gateways that did not confirm the change in time; empty when it is in force."),
});
export type ChangedDomain = z.infer<typeof changedDomain>;
