export {
  openControlPlane,
  type ControlPlane,
  type ControlPlaneDeps,
  type ControlPlaneOptions,
} from "./control-plane.ts";
export type { ControlLimits } from "./limits.ts";
export type { LinkSocket } from "./links/link-socket.ts";
export type { PeerRole } from "./links/peers.ts";
export type {
  FunctionCaller,
  InvocationPage,
  InvocationQueries,
  LogQueries,
  LogSelection,
  MetricQueries,
  PageDeps,
  PageFiles,
  TrafficCount,
  TrafficQueries,
} from "./ports.ts";
export { storeModule, storeModuleUrl, type ControlStore } from "./store-module.ts";
