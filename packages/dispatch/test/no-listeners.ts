/** For plays in which nobody hears of what the dispatcher tells. */
import type { Dispatcher } from "../src/dispatcher.ts";

const nothing = (): void => undefined;

export const NO_LISTENERS: Omit<ConstructorParameters<typeof Dispatcher>[1], "limits"> = {
  run: nothing,
  doubt: nothing,
  owe: nothing,
  onOpen: nothing,
  onFreed: nothing,
  onGone: nothing,
  onActivity: nothing,
};
