export type { ReleaseApiDeps } from "./ports.ts";
export { releaseHandlers, type ReleaseHandlers } from "./release-api.ts";
