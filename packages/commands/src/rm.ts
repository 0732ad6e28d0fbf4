import { PlatformError } from "@skerry/base";
import { everyItem, type Client } from "@skerry/sdk";
import { YES_FLAG, collect, confirm, countText } from "@skerry/terminal";
import type { Command } from "./command.ts";
import { readAppOrFunction } from "./function-path.ts";

const PAGE = 1_000;

export const rm: Command = {
  name: "rm",
  summary: "Remove a function, or an app with its functions, timers, secrets and config objects",
  args: [{ name: "APP[/FN]", description: "What to remove." }],
  flags: [YES_FLAG],
  examples: [
    { line: "rm shop/checkout", says: "One function, after asking." },
    { line: "rm shop --yes", says: "A whole app, without asking." },
  ],
  async run(call) {
    const { args, screen, client } = call;
    const { app, fn } = readAppOrFunction(args[0]);
    const what = fn === undefined ? app : `${app}/${fn}`;
    const api = client();
    if (fn === undefined) {
      const count = await countFunctions(api, app);
      const functions = countText(count, "function");
      const question = `Remove the app ${app} with ${functions}, its timers, secrets and config objects?`;
      await confirm(call, { what, question });
      await api.deleteApp({ params: { app } });
    } else {
      const { etag } = await api.getFunction({ params: { app, fn } });
      const question = `Remove the function ${what}? Its URLs stop answering.`;
      await confirm(call, { what, question });
      await api.deleteFunction({ params: { app, fn }, ifMatch: etag });
    }
    screen.printDone({ removed: what }, `Removed ${what}.`);
    return 0;
  },
};

/**
 * Zero where no function was ever deployed; removing tells whether there is anything else of the
 * app.
 */
async function countFunctions(client: Client, app: string): Promise<number> {
  const pages = everyItem((cursor) =>
    client.listFunctions({ params: { app }, query: { limit: PAGE, cursor } }),
  );
  try {
    return (await collect(pages)).length;
  } catch (error) {
    if (PlatformError.is(error) && error.code === "NOT_FOUND") return 0;
    throw error;
  }
}
