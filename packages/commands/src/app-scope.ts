/** What commands share that are about things within an app: `call.required("app")` names it. */
import type { Flag, Screen } from "@skerry/terminal";

export const APP_FLAG: Flag = { name: "app", value: "APP", description: "The app. Required." };

/** Says that something of an app is there no more. */
export function printRemoved(screen: Screen, app: string, removed: string): void {
  screen.printDone({ removed, app }, `Removed ${removed} of ${app}.`);
}
