/**
 * Makes Node's own clients use the proxy. Node reads such settings when it starts, and an instance
 * starts before it is anybody's; so the flag `--use-env-proxy` (node-flags.ts) covers `node:http`
 * and `node:https`, which make their agents when they are first loaded, and fetch, WebSocket and
 * EventSource are set up when they are first used: loading them takes 15 ms that most never need.
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
  readonly loadHttp: () => { readonly setGlobalProxyFromEnv: typeof setGlobalProxyFromEnv };
}

const LAZY_CLASSES = ["WebSocket", "EventSource"] as const;

/** Sets the proxy up for fetch and its kin at their first use; by then the environment is final. */
export function proxyAtFirstUse({ global, env, loadHttp }: ProxyHost): void {
  const { fetch: plainFetch } = global;
  const restores: (() => void)[] = [];
  const setUp = (): void => {
    if (restores.length === 0) return;
    for (const restore of restores.splice(0)) restore();
    loadHttp().setGlobalProxyFromEnv(env);
  };
  function fetch(...args: Parameters<typeof plainFetch>): ReturnType<typeof plainFetch> {
    setUp();
    return plainFetch(...args);
  }
  global.fetch = fetch;
  restores.push(() => {
    if (global.fetch === fetch) global.fetch = plainFetch;
  });
  for (const name of LAZY_CLASSES) {
    const plain = Object.getOwnPropertyDescriptor(global, name);
    if (plain?.get === undefined) continue;
    const get = (): unknown => {
      setUp();
      return Reflect.get(global, name);
    };
    const set = (value: unknown): void => {
      Object.defineProperty(global, name, { ...DATA_PROPERTY, value });
    };
    Object.defineProperty(global, name, { configurable: true, enumerable: false, get, set });
    restores.push(() => {
      if (Object.getOwnPropertyDescriptor(global, name)?.get === get) {
        Object.defineProperty(global, name, plain);
      }
    });
  }
}

const DATA_PROPERTY = { configurable: true, enumerable: false, writable: true } as const;
