/** What a role answers that is asked for its figures. */
import type { AccountId, FunctionId } from "@skerry/base";
import { z } from "zod";
import {
  ALIAS_FIGURES_MAX,
  FUNCTION_FIGURES_MAX,
  HISTOGRAM_BOUNDS_MS,
  type RoleFigures,
  ROLE_VALUES,
  type RoleValueName,
  ROUTE_FIGURES_MAX,
  ROUTE_LABEL_CHARS_MAX,
} from "../figures.ts";
import { THROTTLE_REASONS } from "../limit-errors.ts";
import { OUTCOMES } from "../metering.ts";
import { DOWNGRADE_REASONS } from "../routes.ts";
import { aliasName } from "./qualifiers.ts";

const amount = z.number().min(0);
const roleValueNames = Object.keys(ROLE_VALUES) as [RoleValueName, ...RoleValueName[]];
const ROLE_VALUES_MAX = 500;
const LABEL_CHARS_MAX = 80;

const histogram = z.object({
  counts: z.array(amount).length(HISTOGRAM_BOUNDS_MS.length + 1),
  sumMs: amount,
});

const aliasFigures = z.object({
  alias: aliasName,
  outcomes: z.partialRecord(z.enum(OUTCOMES), amount).catch({}),
  duration: histogram,
});

const functionFigures = z.object({
  functionId: z.string().transform((id) => id as FunctionId),
  live: amount,
  waiting: amount,
  throttled: z.partialRecord(z.enum(THROTTLE_REASONS), amount).catch({}),
  aliases: z.array(aliasFigures).max(ALIAS_FIGURES_MAX).optional().catch(undefined),
});

const routeFigures = z.object({
  accountId: z.string().transform((id) => id as AccountId),
  app: z.string(),
  api: z.string(),
  stage: z.string(),
  route: z.string().max(ROUTE_LABEL_CHARS_MAX),
  downgrades: z.partialRecord(z.enum(DOWNGRADE_REASONS), amount).catch({}),
});

/** One process as it sees itself. Values of a later release are passed over. */
export const roleFigures: z.ZodType<RoleFigures> = z.object({
  loopLag: histogram,
  residentBytes: amount,
  heapUsedBytes: amount,
  cpuMs: amount,
  upMs: amount.optional(),
  values: z
    .array(
      z
        .object({
          name: z.enum(roleValueNames),
          label: z.string().max(LABEL_CHARS_MAX).optional(),
          value: amount,
        })
        .nullable()
        .catch(null),
    )
    .max(ROLE_VALUES_MAX)
    .transform((values) => values.filter((value) => value !== null)),
  functions: z.array(functionFigures).max(FUNCTION_FIGURES_MAX).optional(),
  routes: z.array(routeFigures).max(ROUTE_FIGURES_MAX).optional(),
});
