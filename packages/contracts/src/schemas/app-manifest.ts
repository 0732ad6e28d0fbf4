import { z } from "zod";
import { functionConfig } from "./function-config.ts";
import { LIMITS } from "../limits.ts";
import { appName, functionName } from "./names.ts";

/** One function of `skerry.yaml`: its folder, relative to the file, and its configuration. */
const manifestFunction = functionConfig.extend({
  dir: z.string().default(".").describe("Folder with the function's source."),
  layers: z
    .array(functionName)
    .max(LIMITS.layersMax)
    .optional()
    .describe("Names of `layers` that the code sees at /opt, merged in this order."),
});

/** `skerry.yaml`: one app and its functions. */
export const appManifest = z.strictObject({
  app: appName.describe("Name of the app."),
  layers: z
    .record(functionName, z.string())
    .optional()
    .describe("Folders that functions share, by name, relative to the file."),
  functions: z
    .record(functionName, manifestFunction)
    .refine((all) => Object.keys(all).length > 0, "An app needs at least one function.")
    .refine(
      (all) => Object.keys(all).length <= LIMITS.functionsPerAppMax,
      `An app has at most ${LIMITS.functionsPerAppMax} functions.`,
    ),
});
export type AppManifest = z.infer<typeof appManifest>;
