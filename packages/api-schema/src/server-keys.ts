/** Server keys of an app, and tickets for players: what a game signs its calls with. */
import { TICKET_LIMITS } from "@skerry/contracts";
import { secretName } from "@skerry/contracts/schemas";
import { z } from "zod";

const time = z.string().describe("ISO 8601, UTC.");

export const serverKeyRequest = z.strictObject({
  name: secretName.describe("Name of the key within its app."),
});

export const serverKeyResource = z.object({
  id: z.string().describe("What a server that signs with it names."),
  app: z.string(),
  name: z.string(),
  createdAt: time,
});
export type ServerKeyResource = z.infer<typeof serverKeyResource>;

export const createdServerKey = serverKeyResource.extend({
  secret: z.string().describe("What it signs with; shown this once."),
});

export const ticketRequest = z.strictObject({
  player: z
    .string()
    .min(1)
    .max(TICKET_LIMITS.playerCharsMax)
    .regex(/^\P{Cc}+$/u, "A player's id holds no control characters.")
    .refine((text) => text.isWellFormed(), "This is no well-formed text.")
    .describe("Who it is for, as the game names them."),
  ttlMs: z
    .int()
    .min(1_000)
    .max(TICKET_LIMITS.ttlMsMax)
    .default(3_600_000)
    .describe("How long it holds."),
  key: secretName
    .default("players")
    .describe("Server key that it is issued with: revoking that one ends its tickets."),
});

export const ticketResource = z.object({
  ticket: z.string().describe("What a request names; no secret."),
  secret: z.string().describe("What a request is signed with."),
  player: z.string(),
  expiresAt: time,
});
export type TicketResource = z.infer<typeof ticketResource>;
