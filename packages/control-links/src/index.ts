export {
  Agents,
  type AgentArtefacts,
  type AgentsDeps,
  type NodeProbed,
  type NodeView,
} from "./agents.ts";
export { ConfigFeed, type FeedDeps } from "./config-feed.ts";
export { askOver, type LinkAnswer, type LinkQuestion } from "./link-call.ts";
export { listenLinks, type LinkSocket } from "./link-socket.ts";
export { LinkServer, type LinkServerDeps, type LinkServerOptions } from "./link-server.ts";
export { Peers, type Peer, type PeerRole, type PeerWatcher } from "./peers.ts";
export type { ConfigLog, ConfigPage, LinkLimits, LinkRoom } from "./ports.ts";
export { askFigures, type FiguresDeps, type RoleView } from "./role-figures.ts";
