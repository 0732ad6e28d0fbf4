/**
 * `npm run course-site -- --measure`: what a visit to the list costs in headless Chromium, rendered
 * in the browser, by the page's function, from the cache in front of it, and by the service worker.
 * Starts a platform of its own.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { startPlatform, until, type Platform } from "@skerry/testkit";
import { chromium, type Browser } from "playwright-core";
import { buildSite } from "./build/build.ts";
import {
  MEASURES,
  medianOf,
  newVisitor,
  PROFILE,
  settleWorker,
  visit,
  type Paint,
} from "./paint.ts";
import { skerry } from "./skerry.ts";

interface Manifest {
  readonly app: string;
  readonly apis: Readonly<Record<string, { readonly routes: readonly Route[] }>>;
}
interface Route {
  readonly name: string;
  readonly cache?: object;
  readonly downgrade?: { readonly to: readonly unknown[] };
}

export interface MeasureOptions {
  /** Path of Chromium. */
  readonly chromium: string;
  readonly rounds: number;
}

export interface Row extends Paint {
  readonly name: string;
  readonly visit: string;
}

export interface Measured {
  readonly profile: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: string;
  readonly date: string;
  readonly rounds: number;
  readonly rows: readonly Row[];
}

const STAGE = "test";

/** The site's API, one without a cache and a downgrade, and one that renders nothing. */
function withApis(folder: string): void {
  const path = join(folder, "skerry.yaml");
  const manifest = JSON.parse(readFileSync(path, "utf8")) as Manifest;
  const routes = manifest.apis["public"]?.routes ?? [];
  const plain = routes.map(({ cache: _, downgrade: __, ...route }) => route);
  const shells = plain.map((route, i) => ({ ...route, ...shellOf(routes[i]) }));
  const apis = { ...manifest.apis, plain: { routes: plain }, shells: { routes: shells } };
  writeFileSync(path, JSON.stringify({ ...manifest, apis }));
}

function shellOf(route: Route | undefined): object {
  const to = route?.downgrade?.to.at(-1);
  return to === undefined ? {} : { to };
}

class Visits {
  readonly #browser: Browser;
  readonly #platform: Platform;
  #asked = 0;
  readonly #rows = new Map<string, { name: string; visit: string; paints: Paint[] }>();

  constructor(browser: Browser, platform: Platform) {
    this.#browser = browser;
    this.#platform = platform;
  }

  /** Each way once. */
  async round(): Promise<void> {
    const [client, plain, cached] = ["shells", "plain", "public"].map((api) => this.#urlOf(api));
    await this.#firstAndAgain("Client rendering", client ?? "");
    await this.#cool();
    await this.#first({ name: "SSR", visit: "first, function cold" }, plain ?? "");
    await this.#firstAndAgain("SSR", plain ?? "");
    await this.#cool();
    await this.#first({ name: "SSR + cache", visit: "first, both cold" }, this.#unkept(cached));
    await this.#firstAndAgain("SSR + cache", cached ?? "");
    await this.#withWorker(cached ?? "");
  }

  get rows(): readonly Row[] {
    return [...this.#rows.values()].map(({ paints, ...row }) => {
      const medians = MEASURES.map((key) => [key, medianOf(paints.map((paint) => paint[key]))]);
      return { ...row, ...(Object.fromEntries(medians) as Paint) };
    });
  }

  #urlOf(api: string): string {
    return `http://${STAGE}.${api}.courses.apis.localhost:${this.#platform.gatewayPort}/`;
  }

  async #first(row: { name: string; visit: string }, url: string): Promise<void> {
    const context = await newVisitor(this.#browser);
    this.#keep(row, await visit(context, url));
    await context.close();
  }

  /** Without the service worker, which the last row is about. */
  async #firstAndAgain(name: string, url: string): Promise<void> {
    const context = await newVisitor(this.#browser, { isWorkerBlocked: true });
    this.#keep({ name, visit: "first, warm" }, await visit(context, url));
    this.#keep({ name, visit: "again" }, await visit(context, url));
    await context.close();
  }

  async #withWorker(url: string): Promise<void> {
    const name = "SSR + cache + service worker";
    const context = await newVisitor(this.#browser);
    await settleWorker(context, url);
    this.#keep({ name, visit: "again" }, await visit(context, url));
    await context.setOffline(true);
    this.#keep({ name, visit: "offline" }, await visit(context, url, { offline: true }));
    await context.close();
  }

  #keep(row: { name: string; visit: string }, paint: Paint): void {
    const key = `${row.name}: ${row.visit}`;
    const kept = this.#rows.get(key) ?? { ...row, paints: [] };
    kept.paints.push(paint);
    this.#rows.set(key, kept);
  }

  /** No page's function has an instance. */
  async #cool(): Promise<void> {
    const { client } = this.#platform;
    await until("no instance to be left", async () => {
      const { items } = await client.listInstances({ query: { limit: 100 } });
      for (const { id } of items)
        await client.stopInstance({ params: { instance: id } }).catch(() => undefined);
      return items.length === 0;
    });
  }

  /** The same page by a key of its own. */
  #unkept(url = ""): string {
    this.#asked += 1;
    return `${url}?${Array.from({ length: this.#asked }, () => "q=").join("&")}`;
  }
}

async function run(platform: Platform, ...args: readonly string[]): Promise<void> {
  const env = { PATH: process.env["PATH"], ...platform.cliEnvironment };
  const { exitCode, said } = await skerry(args, env);
  if (exitCode !== 0) throw new TypeError(`skerry ${args.join(" ")}: ${said}`);
}

export async function measure(options: MeasureOptions): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "course-site-"));
  const platform = await startPlatform();
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath: options.chromium, args });
  try {
    await buildSite(folder);
    withApis(folder);
    await run(platform, "deploy", folder);
    const visits = new Visits(browser, platform);
    for (let round = 0; round < options.rounds; round += 1) await visits.round();
    return {
      profile: PROFILE,
      versions: { node: process.version, chromium: browser.version() },
      machine: `${cpus().length} × ${cpus()[0]?.model}`,
      date: new Date().toISOString().slice(0, 10),
      rounds: options.rounds,
      rows: visits.rows,
    };
  } finally {
    await browser.close();
    await platform.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function showRows(rows: readonly Row[]): string {
  const lines = rows.map(
    (row) =>
      `| ${row.name} | ${row.visit} | ${MEASURES.map((key) => `${row[key]} ms`).join(" | ")} |`,
  );
  const titles = "| rendering | visit | first byte | first contentful paint | personal part |";
  return [titles, "| --- | --- | --- | --- | --- |", ...lines, ""].join("\n");
}
