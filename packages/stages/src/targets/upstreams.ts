/**
 * Connections to upstreams: kept open between requests, and each dialled only where the operator
 * lets users' names lead.
 */
import type { Agent, ClientRequest, RequestOptions } from "node:http";
import { Agent as TlsAgent, request as requestTls } from "node:https";
import { isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { NetworkTarget } from "@skerry/contracts";
import { nodeHttp } from "@skerry/http";

/** Rejects with why there is no connection. */
export type ConnectOut = (target: NetworkTarget) => Promise<Socket>;

const OPTIONS = { keepAlive: true, maxSockets: 512, maxFreeSockets: 64, timeout: 30_000 } as const;

export class Upstreams {
  readonly #plain: Agent;
  readonly #tls: TlsAgent;

  constructor(connectOut: ConnectOut) {
    this.#plain = new nodeHttp.Agent(OPTIONS);
    this.#tls = new TlsAgent(OPTIONS);
    dialBy(this.#plain, (host, port) => connectOut({ host, port }));
    dialBy(this.#tls, async (host, port) => {
      const socket = await connectOut({ host, port });
      return connectTls({ socket, host, ...(isIP(host) === 0 ? { servername: host } : {}) });
    });
  }

  /** Begins a request; headers are flat and the caller's to get right. */
  request(url: URL, options: Pick<RequestOptions, "method" | "headers">): ClientRequest {
    const isTls = url.protocol === "https:";
    const begin = isTls ? requestTls : nodeHttp.request;
    return begin({
      ...options,
      agent: isTls ? this.#tls : this.#plain,
      host: url.hostname.replaceAll(/^\[|\]$/g, ""),
      port: Number(url.port || (isTls ? 443 : 80)),
      path: `${url.pathname}${url.search}`,
      ...{ setHost: false, setDefaultHeaders: false, insecureHTTPParser: false },
    });
  }

  /** Ends all connections. */
  close(): void {
    this.#plain.destroy();
    this.#tls.destroy();
  }
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
