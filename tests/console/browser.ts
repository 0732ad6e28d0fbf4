/** A headless Chromium of the machine, driven as a person would; nothing is downloaded. */
import { accessSync, constants, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import {
  chromium,
  type Browser,
  type BrowserContext,
  type ConsoleMessage,
  type Page,
} from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
/** For what a page is to show; a browser among other suites takes its time. */
const WAIT_MS = 60_000;

export interface Look {
  readonly colorScheme: "light" | "dark";
  readonly width: number;
}

/** The browser's program; undefined when the machine has none. */
export function findChromium(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The record of a call that was just made is asked for until it is there. */
function isAwaited(message: ConsoleMessage): boolean {
  const { url } = message.location();
  return /\/invocations\/[0-9a-f-]{36}$/.test(url) && message.text().includes("404");
}

/** A name of this machine that browsers do not trust as they do the loopback. */
export const UNTRUSTED_HOST = "machine.test";

/** Chromium refuses a sandbox of its own to root. `more` are further flags. */
export function startBrowser(more: readonly string[] = []): Promise<Browser> {
  const rules = "--host-resolver-rules=MAP *.test 127.0.0.1";
  const args = [rules, ...more, ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])];
  return chromium.launch({ executablePath: findChromium() ?? "", args });
}

/** A person's window: cookies of its own, and a list of everything that went wrong in it. */
export class Person {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors of scripts and of the policy, as the browser's console tells them. */
  readonly complaints: string[] = [];

  private constructor(context: BrowserContext, page: Page) {
    this.context = context;
    this.page = page;
    page.setDefaultTimeout(WAIT_MS);
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() !== "error" || isAwaited(message)) return;
      this.complaints.push(message.text());
    });
  }

  static async arrive(
    browser: Browser,
    { colorScheme, width }: Look = { colorScheme: "light", width: 1280 },
  ): Promise<Person> {
    const viewport = { width, height: 860 };
    const context = await browser.newContext({ colorScheme, viewport });
    return new Person(context, await context.newPage());
  }

  /** What axe finds against the page as it is now, in words. */
  async violations(): Promise<readonly string[]> {
    const session = await this.context.newCDPSession(this.page);
    const script = readFileSync(AXE, "utf8");
    // Not as a script of the page: its policy would refuse it, as it should.
    const { result } = await session.send("Runtime.evaluate", {
      expression: `${script};axe.run().then(({ violations }) => JSON.stringify(
        violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" "))))`,
      awaitPromise: true,
      returnByValue: true,
    });
    await session.detach();
    return JSON.parse(String(result.value)) as string[];
  }

  async leave(): Promise<void> {
    await this.context.close();
  }
}
