export { failGateway } from "./errors.ts";
export { startGateway, type Gateway, type GatewayStats } from "./gateway.ts";
export type { GatewayDeps, GatewayOptions, HandOver } from "./ports.ts";
