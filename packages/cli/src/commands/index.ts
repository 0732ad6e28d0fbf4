/** All commands, in the order in which help shows them. */
import type { Command } from "../command.ts";
import { audit } from "./audit.ts";
import { CONSOLE_COMMANDS } from "./console.ts";
import { deploy } from "./deploy.ts";
import { describe } from "./describe.ts";
import { dev } from "./dev.ts";
import { doctor } from "./doctor.ts";
import { createHelp } from "./help.ts";
import { init } from "./init.ts";
import { invocations } from "./invocations.ts";
import { invoke } from "./invoke.ts";
import { KEY_COMMANDS } from "./keys.ts";
import { logs } from "./logs.ts";
import { ls } from "./ls.ts";
import { ps } from "./ps.ts";
import { rm } from "./rm.ts";
import { status } from "./status.ts";
import { stop } from "./stop.ts";

const WORKING: readonly Command[] = [
  init,
  dev,
  deploy,
  invoke,
  logs,
  ls,
  describe,
  ps,
  stop,
  invocations,
  rm,
  ...CONSOLE_COMMANDS,
  ...KEY_COMMANDS,
  audit,
  status,
  doctor,
];

export const COMMANDS: readonly Command[] = [...WORKING, createHelp(WORKING)];
