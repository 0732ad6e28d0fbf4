/** All commands, in the order in which help shows them. */
import {
  ACCEPTED_COMMANDS,
  ACTION_COMMANDS,
  CONFIG_COMMANDS,
  CONSOLE_COMMANDS,
  DEPLOYMENT_COMMANDS,
  EVENT_COMMANDS,
  KEY_COMMANDS,
  QUOTA_COMMANDS,
  REDRIVE_COMMANDS,
  RULE_COMMANDS,
  SECRET_COMMANDS,
  SERVER_KEY_COMMANDS,
  TIMER_COMMANDS,
  TOPIC_COMMANDS,
  TOPIC_TRIGGER_COMMANDS,
  audit,
  describe,
  doctor,
  invocations,
  invoke,
  logs,
  ls,
  ps,
  rm,
  status,
  stop,
  top,
  usage,
} from "@skerry/commands";
import {
  APP_RELEASE_COMMANDS,
  DOMAIN_COMMANDS,
  GATEWAY_API_COMMANDS,
  RELEASE_COMMANDS,
} from "@skerry/release-commands";
import type { Command } from "../command.ts";
import { deploy } from "./deploy.ts";
import { dev } from "./dev.ts";
import { createHelp } from "./help.ts";
import { init } from "./init.ts";
import { replay } from "./replay.ts";

const WORKING: readonly Command[] = [
  init,
  dev,
  deploy,
  ...DEPLOYMENT_COMMANDS,
  ...RELEASE_COMMANDS,
  ...APP_RELEASE_COMMANDS,
  ...GATEWAY_API_COMMANDS,
  ...DOMAIN_COMMANDS,
  invoke,
  logs,
  ls,
  describe,
  ps,
  top,
  stop,
  ...ACCEPTED_COMMANDS,
  replay,
  ...REDRIVE_COMMANDS,
  invocations,
  rm,
  ...SECRET_COMMANDS,
  ...CONFIG_COMMANDS,
  ...TIMER_COMMANDS,
  ...ACTION_COMMANDS,
  ...SERVER_KEY_COMMANDS,
  ...TOPIC_COMMANDS,
  ...TOPIC_TRIGGER_COMMANDS,
  ...EVENT_COMMANDS,
  ...RULE_COMMANDS,
  ...CONSOLE_COMMANDS,
  ...KEY_COMMANDS,
  usage,
  ...QUOTA_COMMANDS,
  audit,
  status,
  doctor,
];

export const COMMANDS: readonly Command[] = [...WORKING, createHelp(WORKING)];
