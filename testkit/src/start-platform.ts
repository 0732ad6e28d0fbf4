/** Most who open this package start no platform; what only that needs is loaded by who does. */
import type { Platform, PlatformOptions } from "./platform.ts";

/** Starts a platform and resolves when it says that it is ready. */
export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const { start } = await import("./platform.ts");
  return await start(options);
}
