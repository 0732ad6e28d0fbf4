export type { Command } from "./command.ts";
export { COMMANDS } from "./commands/index.ts";
export type { Host } from "./host.ts";
export { runCommandLine } from "./run.ts";
