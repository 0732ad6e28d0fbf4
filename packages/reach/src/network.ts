/**
 * The network as functions reach it. A port, so that only the composition root
 * decides what is resolved where and which addresses count as public: no configuration reaches it.
 */
import { lookup, Resolver } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { guardedAddresses, publicAddresses, type AddressPolicy } from "./addresses.ts";
import { carriedIpv4 } from "./carried-addresses.ts";

export interface Network {
  /** Addresses of a public name; none when it has none. Never the machine's own tables. */
  resolvePublic(name: string): Promise<readonly string[]>;
  /** Addresses of a name as this machine knows it, its hosts file included. */
  resolveLocal(name: string): Promise<readonly string[]>;
  /** What `egress: web` may reach. */
  readonly isPublic: AddressPolicy;
  /** What `connect` reaches only where the operator says so. */
  readonly isGuarded: AddressPolicy;
  /** What leads back to this machine, its loopback included, in each form that carries it. */
  readonly isOwn: AddressPolicy;
  /** Begins a connection to an address. */
  dial(address: string, port: number): Socket;
}

const RESOLVE_TIMEOUT_MS = 3_000;
const RESOLVE_TRIES = 2;

/** The machine's own network. An address of this machine is never public, whatever its range. */
export function systemNetwork(): Network {
  const resolver = new Resolver({ timeout: RESOLVE_TIMEOUT_MS, tries: RESOLVE_TRIES });
  const isInRange = publicAddresses();
  return {
    async resolvePublic(name) {
      const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      return answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    },
    async resolveLocal(name) {
      const found = await lookup(name, { all: true, order: "ipv4first" });
      return found.map(({ address }) => address);
    },
    isPublic: (address) => isInRange(address) && !isInterface(address),
    isGuarded: guardedAddresses(),
    isOwn: (address) =>
      [address, ...carriedIpv4(address)].some((one) => isHere(one) || isInterface(one)),
    // The options an address needs: a name would be resolved a second time.
    dial: (address, port) =>
      connect({ host: address, port, family: isIP(address), allowHalfOpen: true, noDelay: true }),
  };
}

/** Loopback, and the addresses without a host, which connect to it. */
function isHere(address: string): boolean {
  return isIP(address) === 4
    ? /^(?:0|127)\./.test(address)
    : ["[::]", "[::1]"].includes(canonical(address));
}

function isInterface(address: string): boolean {
  const sought = canonical(address);
  return Object.values(networkInterfaces()).some((all) =>
    all?.some((own) => canonical(own.address) === sought),
  );
}

/** One text for all spellings of an IPv6 address. */
function canonical(address: string): string {
  const bare = address.replace(/%.*/, "");
  return isIP(bare) === 6 ? new URL(`http://[${bare}]/`).hostname : bare;
}
