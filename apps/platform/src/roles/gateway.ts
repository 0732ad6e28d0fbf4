/** The gateway role: public HTTP in, instances' links out. */
import { join } from "node:path";
import { assert, type GatewayId, type NodeId } from "@skerry/base";
import { sourceTreeIn } from "@skerry/code-store";
import { splitPatterns } from "@skerry/contracts";
import { startGateway, type GatewayOptions } from "@skerry/gateway";
import { TicketKeys } from "@skerry/http";
import type { AgentAddress } from "@skerry/instance-links";
import { systemNetwork, type Network } from "@skerry/reach";
import { createMemoryStore, openRedisStore, type CacheStore } from "@skerry/response-cache";
import { domainKeyIdentity, openValue, type MasterKeys } from "@skerry/secrets";
import { openSpoolWriter } from "@skerry/telemetry";
import type { ToRole } from "../messages.ts";
import { LISTEN_FD, TLS_FD, TLS_TICKETS_ENV } from "../role-process.ts";
import { spoolValues, watchProcess } from "./process-figures.ts";
import {
  configWaitMs,
  ownPortsOf,
  RELEASE,
  secretKeysOf,
  type RoleContext,
  type RunningRole,
} from "./role-context.ts";

export async function startGatewayRole(
  context: RoleContext,
  network: Network = systemNetwork(),
): Promise<RunningRole> {
  const { clock, config, layout, log, random } = context;
  const meter = openSpoolWriter(
    { clock, log },
    { directory: join(layout.meterSpool, context.id), pid: process.pid },
  );
  const accessSpool = openSpoolWriter(
    { clock, log },
    { directory: join(layout.logSpool, context.id), pid: process.pid },
  );
  const figures = watchProcess(clock);
  const secretKeys = secretKeysOf(context);
  const tls = tlsOf(context, secretKeys);
  const snapshotPath = join(layout.snapshots, "gateway.json");
  const gateway = await startGateway(
    {
      ...{ clock, random, log, meter, network, accessSpool },
      cacheStore: await openCacheStore(context),
      sourceDirectory: (digest) => sourceTreeIn(layout.code, digest),
      openServerKey: (entry) => openValue(secretKeys, entry, entry.sealed),
      figures: () => figures.read(spoolValues(meter)),
      handOver: (grant, socket) => {
        context.send({ op: "hand-over", grant }, socket).catch((error: unknown) => {
          log.warn("an instance was not handed over", { error: String(error) });
        });
      },
    },
    {
      gatewayId: context.id as GatewayId,
      listen: { fd: LISTEN_FD },
      controlSocketPath: layout.controlSocket,
      snapshotPath,
      configWaitMs: configWaitMs(snapshotPath),
      agents: [],
      gateways: config.gateways,
      usedNonces: layout.usedNonces,
      connectTargets: splitPatterns(config.connectTargets),
      connectMetadata: splitPatterns(config.connectMetadata),
      ownPorts: ownPortsOf(config),
      trustedProxies: splitPatterns(config.trustedProxies),
      build: RELEASE,
      ...(tls === undefined ? {} : { tls }),
    },
  );
  const known = new Map<string, AgentAddress>();
  const onMessage: RunningRole["onMessage"] = (message, socket) => {
    if (message.op === "agents") meetAgents(message, known, gateway);
    if (message.op === "tls-tickets") tls?.ticketKeys?.renew(Buffer.from(message.key, "base64"));
    if (message.op === "instance" && socket !== undefined) {
      gateway.onInstance(message.grant, socket, message.handedOver ? "gateway" : "agent");
    }
  };
  return {
    facts: {},
    onMessage,
    drain: async (deadlineMs) => {
      await gateway.drain({ deadlineMs });
      await gateway.close();
      await Promise.all([meter.close(), accessSpool.close()]);
      figures.close();
    },
  };
}

function tlsOf({ config }: RoleContext, keys: MasterKeys): GatewayOptions["tls"] {
  const { gatewayTlsPort, gatewayTlsPublicPort, gatewayTlsCert, gatewayTlsKey } = config;
  if (gatewayTlsPort === undefined) return undefined;
  const tickets = process.env[TLS_TICKETS_ENV];
  return {
    listen: { fd: TLS_FD },
    publicPort: gatewayTlsPublicPort ?? gatewayTlsPort,
    ...(gatewayTlsCert === "" ? {} : { files: { cert: gatewayTlsCert, key: gatewayTlsKey } }),
    ...(tickets === undefined
      ? {}
      : { ticketKeys: new TicketKeys(Buffer.from(tickets, "base64")) }),
    openKey: async (domain) => {
      const { certificate } = domain;
      assert(certificate !== null, "only a domain with a certificate has a key");
      return await openValue(keys, domainKeyIdentity(domain), certificate.sealedKey);
    },
  };
}

async function openCacheStore(context: RoleContext): Promise<CacheStore> {
  const { clock, config, id, layout, log } = context;
  const { responseCacheMb, responseCacheStore } = config;
  if (responseCacheStore === "memory") {
    return createMemoryStore({ bytesMax: responseCacheMb * 2 ** 20 });
  }
  const held = { directory: layout.heldPurges, owner: id };
  return await openRedisStore({ clock, log }, { url: responseCacheStore, held });
}

/** Brings the gateway's agents in line with what the supervisor says is there. */
function meetAgents(
  { agents }: Extract<ToRole, { op: "agents" }>,
  known: Map<string, AgentAddress>,
  gateway: { agentUp(agent: AgentAddress): void; agentDown(agentId: string): void },
): void {
  const present = new Set(agents.map(({ id }) => id));
  for (const agentId of [...known.keys()]) {
    if (present.has(agentId)) continue;
    known.delete(agentId);
    gateway.agentDown(agentId);
  }
  for (const { id, nodeId, socketPath } of agents) {
    if (known.has(id)) continue;
    const agent = { agentId: id, nodeId: nodeId as NodeId, socketPath };
    known.set(id, agent);
    gateway.agentUp(agent);
  }
}
