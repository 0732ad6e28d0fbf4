export { isOddAddress, type AddressPolicy } from "./addresses.ts";
export { Dialler, type DialDeps } from "./dialler.ts";
export { systemNetwork, type Network } from "./network.ts";
export { readReachHead, type UnknownHead } from "./reach-words.ts";
export { Tunnel, type TunnelEnd } from "./tunnel.ts";
export { Tunnels, type TunnelAsked, type TunnelDeps, type TunnelHolder } from "./tunnels.ts";
