export { sandboxView, startAgent, type Agent } from "./agent.ts";
export { prepareBuildTool, type BuildTool } from "./build-tool.ts";
export type { AgentDeps, AgentOptions, ConfigView, HandOff } from "./ports.ts";
export { sweepRuntimes } from "./kept-runtimes.ts";
export { prepareRuntimes, type Runtimes } from "./runtimes.ts";
export type { BuildNetwork, DependenciesDeps } from "./dependencies.ts";
export { findNpmTool, type NpmTool } from "./npm-tool.ts";
export { removeTree } from "./remove-tree.ts";
export { BUILD_TREE_LIMITS, BuildDisk, freeSpaceOf } from "./build-disk.ts";
