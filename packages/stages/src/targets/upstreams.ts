/**
 * Connections to upstreams: kept open between requests, and each dialled only where the operator
 * lets users' names lead.
 */
import type { Agent, AgentOptions, ClientRequest, RequestOptions } from "node:http";
import { Agent as TlsAgent, request as requestTls } from "node:https";
import { isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { NetworkTarget } from "@skerry/contracts";
import { nodeHttp } from "@skerry/http";

/** Rejects with why there is no connection. */
export type ConnectOut = (target: NetworkTarget) => Promise<Socket>;

const OPTIONS = { keepAlive: true, maxSockets: 512, maxFreeSockets: 64, timeout: 30_000 } as const;

export interface UpstreamRequest extends Pick<RequestOptions, "method" | "headers"> {
  /** Over a connection that has carried nothing yet, and carries nothing after it. */
  readonly isFresh: boolean;
}

interface Agents {
  readonly plain: Agent;
  readonly tls: TlsAgent;
}

export class Upstreams {
  readonly #kept: Agents;
  readonly #fresh: Agents;

  constructor(connectOut: ConnectOut) {
    this.#kept = agentsOf(connectOut, OPTIONS);
    this.#fresh = agentsOf(connectOut, { ...OPTIONS, keepAlive: false });
  }

  /** Begins a request; headers are flat and the caller's to get right. */
  request(url: URL, { isFresh, ...options }: UpstreamRequest): ClientRequest {
    const isTls = url.protocol === "https:";
    const begin = isTls ? requestTls : nodeHttp.request;
    const agents = isFresh ? this.#fresh : this.#kept;
    return begin({
      ...options,
      agent: isTls ? agents.tls : agents.plain,
      host: url.hostname.replaceAll(/^\[|\]$/g, ""),
      port: Number(url.port || (isTls ? 443 : 80)),
      path: `${url.pathname}${url.search}`,
      ...{ setHost: false, setDefaultHeaders: false, insecureHTTPParser: false },
    });
  }

  /** Ends all connections. */
  close(): void {
    for (const { plain, tls } of [this.#kept, this.#fresh]) {
      plain.destroy();
      tls.destroy();
    }
  }
}

function agentsOf(connectOut: ConnectOut, options: AgentOptions): Agents {
  const plain = new nodeHttp.Agent(options);
  const tls = new TlsAgent(options);
  dialBy(plain, (host, port) => connectOut({ host, port }));
  dialBy(tls, async (host, port) => {
    const socket = await connectOut({ host, port });
    return connectTls({ socket, host, ...(isIP(host) === 0 ? { servername: host } : {}) });
  });
  return { plain, tls };
}

type Dial = (host: string, port: number) => Promise<Socket>;

function dialBy(agent: Agent, dial: Dial): void {
  agent.createConnection = (options, callback) => {
    const { host, port } = options as { readonly host: string; readonly port: number };
    const tell = async (): Promise<void> => {
      let socket: Socket;
      try {
        socket = await dial(host, Number(port));
      } catch (error) {
        return callback?.(error as Error, undefined as never);
      }
      callback?.(null, socket);
    };
    void tell();
    return undefined;
  };
}
