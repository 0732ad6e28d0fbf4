/** All commands, in the order in which help shows them. */
import type { Command } from "../command.ts";
import { deploy } from "./deploy.ts";
import { invoke } from "./invoke.ts";
import { logs } from "./logs.ts";
import { ls } from "./ls.ts";

export const COMMANDS: readonly Command[] = [deploy, invoke, logs, ls];
