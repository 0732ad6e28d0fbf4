/** What a visit costs a person: one page load in headless Chromium, on a fixed network. */
import type { Browser, BrowserContext, CDPSession } from "playwright-core";

/** Fast 4G of Chromium's developer tools. */
export const PROFILE = "Fast 4G of Chromium's DevTools: 165 ms, 8.1 Mbit/s down, 1.35 Mbit/s up";
const NETWORK = {
  latency: 60 * 2.75,
  downloadThroughput: ((9 * 1_000 * 1_000) / 8) * 0.9,
  uploadThroughput: ((1.5 * 1_000 * 1_000) / 8) * 0.9,
};
const VIEWPORT = { width: 390, height: 844 };
const WAIT_MS = 60_000;

const IS_PAINTED = `["first-contentful-paint", "personal"].every(
  (name) => performance.getEntriesByName(name).length > 0,
)`;

/** Milliseconds since the navigation began. */
export interface Paint {
  /** First byte of the document. */
  readonly firstByteMs: number;
  readonly firstPaintMs: number;
  /** What is the learner's own is laid over the page. */
  readonly personalMs: number;
}

export const MEASURES = ["firstByteMs", "firstPaintMs", "personalMs"] as const;

/** Without anything of earlier visits. */
export function newVisitor(
  browser: Browser,
  { isWorkerBlocked = false }: { readonly isWorkerBlocked?: boolean } = {},
): Promise<BrowserContext> {
  const serviceWorkers = isWorkerBlocked ? "block" : "allow";
  return browser.newContext({ viewport: VIEWPORT, serviceWorkers });
}

/** One load in a tab of its own. */
export async function visit(
  context: BrowserContext,
  url: string,
  { offline = false }: { readonly offline?: boolean } = {},
): Promise<Paint> {
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  try {
    const session = await context.newCDPSession(page);
    await session.send("Network.enable");
    await session.send("Network.emulateNetworkConditions", { ...NETWORK, offline });
    const firstByte = firstByteOf(session);
    await page.goto(url);
    await page.waitForFunction(IS_PAINTED, undefined, { polling: 50 });
    const paints: Omit<Paint, "firstByteMs"> = await page.evaluate(`(() => {
      const at = (name) => performance.getEntriesByName(name)[0].startTime;
      return { firstPaintMs: at("first-contentful-paint"), personalMs: at("personal") };
    })()`);
    return { firstByteMs: await firstByte, ...paints };
  } finally {
    await page.close();
  }
}

/** As the page's own clock does not tell it: the network is slowed down behind that. */
function firstByteOf(session: CDPSession): Promise<number> {
  return new Promise((resolve) => {
    let askedAt = 0;
    session.on("Network.requestWillBeSent", ({ type, timestamp }) => {
      if (type === "Document") askedAt = timestamp;
    });
    session.on("Network.responseReceived", ({ type, timestamp }) => {
      if (type === "Document") resolve((timestamp - askedAt) * 1_000);
    });
  });
}

/** A visit after which the service worker has everything that it keeps. */
export async function settleWorker(context: BrowserContext, url: string): Promise<void> {
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.goto(url);
  await page.evaluate("navigator.serviceWorker.ready.then(() => undefined)");
  // Under its control, so that it keeps the page, too.
  await page.reload();
  await page.waitForFunction(IS_PAINTED, undefined, { polling: 50 });
  await page.close();
}

export function medianOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0);
}
