export type { ReleaseApiDeps } from "./ports.ts";
export { versionFamilies } from "./version-metrics.ts";
export { ReleaseRunner, type VersionFigures } from "./release-runner.ts";
export { releaseHandlers, type ReleaseHandlers } from "./release-api.ts";
