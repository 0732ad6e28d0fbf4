export { failGateway } from "./errors.ts";
export { startGateway, type Gateway, type GatewayStats } from "./gateway.ts";
export type { AgentAddress, GatewayDeps, GatewayOptions, HandOver, MeterSink } from "./ports.ts";
