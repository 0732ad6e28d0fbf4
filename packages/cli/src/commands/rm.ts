import { everyItem, type Client } from "@skerry/sdk";
import { collect } from "../collect.ts";
import type { Command } from "../command.ts";
import { confirm, YES_FLAG } from "../confirm.ts";
import { readAppOrFunction } from "../function-path.ts";
import { countText } from "../text.ts";

const PAGE = 1_000;

export const rm: Command = {
  name: "rm",
  summary: "Remove a function, or an app with all its functions",
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
      const question = `Remove the app ${app} with ${countText(count, "function")}?`;
      await confirm(call, { what, question });
      await api.deleteApp({ params: { app } });
    } else {
      const { etag } = await api.getFunction({ params: { app, fn } });
      const question = `Remove the function ${what}? Its URLs stop answering.`;
      await confirm(call, { what, question });
      await api.deleteFunction({ params: { app, fn }, ifMatch: etag });
    }
    if (screen.json) screen.printJson({ removed: what });
    else screen.print(`${screen.style.green("✓")} Removed ${what}.`);
    return 0;
  },
};

/** Zero for an app that does not exist; removing it then tells so. */
async function countFunctions(client: Client, app: string): Promise<number> {
  const pages = everyItem((cursor) =>
    client.listFunctions({ params: { app }, query: { limit: PAGE, cursor } }),
  );
  return (await collect(pages)).length;
}
