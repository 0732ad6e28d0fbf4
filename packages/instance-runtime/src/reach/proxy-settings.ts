/**
 * Makes Node's own clients use the proxy. Node reads such settings when it starts, and an instance
 * starts before it is anybody's; so the flag `--use-env-proxy` (node-flags.ts) covers `node:http`
 * and `node:https`, which make their agents when they are first loaded, and fetch and
 * WebSocket are set up when they are first used: loading them takes 15 ms that most never need.
 */
import type { setGlobalProxyFromEnv } from "node:http";
import { LOOPBACK } from "./loopback.ts";

const PROXY_NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] as const;
const DIRECT_NAMES = ["NO_PROXY", "no_proxy"] as const;
const DIRECT = "localhost,127.0.0.1,::1,[::1]";
/** For programs that the code starts. */
const NODE_NAME = "NODE_USE_ENV_PROXY";

/** Names the proxy in the environment. */
export function setProxyEnv(env: NodeJS.ProcessEnv, port: number): void {
  for (const name of PROXY_NAMES) env[name] = `http://${LOOPBACK}:${port}`;
  for (const name of DIRECT_NAMES) env[name] = DIRECT;
  env[NODE_NAME] = "1";
}

/** Takes the proxy out of the environment again. */
export function clearProxyEnv(env: NodeJS.ProcessEnv): void {
  for (const name of [...PROXY_NAMES, ...DIRECT_NAMES, NODE_NAME]) delete env[name];
}

export interface ProxyHost {
  readonly global: typeof globalThis;
  readonly env: NodeJS.ProcessEnv;
  readonly loadHttp: () => {
    readonly setGlobalProxyFromEnv: typeof setGlobalProxyFromEnv;
    readonly WebSocket: typeof globalThis.WebSocket;
  };
}

/**
 * Sets the proxy up for fetch and WebSocket at their first use; by then the environment is final.
 * The global WebSocket is deleted unseen: looking at it, or defining it anew, would load it.
 */
export function proxyAtFirstUse({ global, env, loadHttp }: ProxyHost): void {
  const { fetch: plainFetch } = global;
  let isSetUp = false;
  const setUp = (): void => {
    if (isSetUp) return;
    isSetUp = true;
    loadHttp().setGlobalProxyFromEnv(env);
  };
  const setWebSocket = (value: unknown): void => {
    const plain = { configurable: true, enumerable: false, writable: true, value };
    Object.defineProperty(global, "WebSocket", plain);
  };
  global.fetch = function fetch(...args) {
    setUp();
    if (global.fetch === fetch) global.fetch = plainFetch;
    return plainFetch(...args);
  };
  Reflect.deleteProperty(global, "WebSocket");
  Object.defineProperty(global, "WebSocket", {
    configurable: true,
    enumerable: false,
    get() {
      setUp();
      const { WebSocket: plain } = loadHttp();
      setWebSocket(plain);
      return plain;
    },
    set: setWebSocket,
  });
}
