export { failGateway } from "./errors.ts";
export { publicAddresses, type AddressPolicy } from "./addresses.ts";
export { startGateway, type Gateway, type GatewayStats } from "./gateway.ts";
export { systemNetwork, type Network } from "./network.ts";
export { Tunnel } from "./tunnel.ts";
export type { AgentAddress, GatewayDeps, GatewayOptions, HandOver, MeterSink } from "./ports.ts";
