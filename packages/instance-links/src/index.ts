export { readGrant } from "./agent-words.ts";
export { type AgentAddress, AgentLinks } from "./agents.ts";
export { type Casualty, CUT_BECAUSE, Instance, type InstanceEnd, isUnder } from "./instance.ts";
export { partsInPeace, runPreStop } from "./pre-stop.ts";
export { Starter } from "./starter.ts";
export { type StreamFault, StreamWatch } from "./stream-watch.ts";
