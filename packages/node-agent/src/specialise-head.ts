/** What a runtime is told when it becomes an instance of a revision. */
import { LATEST, LIMITS, type SpecialiseHead } from "@skerry/contracts";
import type { RevisionRef } from "@skerry/functions";
import { NO_SECRETS, type OpenedSecrets } from "./instance-secrets.ts";
import { layersEnvironment } from "./layers.ts";
import type { RuntimeProcess } from "./runtime-process.ts";

/** The head for a process that has the revision's artefact. */
export function specialiseHead(
  process: RuntimeProcess,
  { fn, revision, version }: RevisionRef,
  secrets: OpenedSecrets,
): SpecialiseHead {
  const { config } = revision;
  return {
    op: "specialise",
    codeDirectory: process.codeDirectoryInside,
    handler: config.handler,
    names: { app: fn.app, fn: fn.name, revision: revision.id },
    instanceId: process.id,
    env: layersEnvironment(process.layersDirectoryInside, {
      env: {
        ...config.env,
        ...secrets.env,
        SKERRY_CONFIG_DIR: process.configDirectoryInside,
        SKERRY_VERSION: String(version ?? LATEST),
      },
      code: process.codeDirectoryInside,
    }),
    memoryMb: config.memoryMb,
    timeoutMs: config.timeoutMs,
    ...(config.eventFormat === undefined ? {} : { eventFormat: config.eventFormat }),
    payloadBytesMax: LIMITS.payloadBytesMax,
    ...(config.connect === undefined ? {} : { connect: Object.keys(config.connect) }),
    ...(config.egress === "none" ? { noWeb: true } : {}),
    ...(secrets === NO_SECRETS ? {} : { secrets: Object.keys(secrets.env) }),
  };
}
