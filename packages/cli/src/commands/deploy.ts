import { resolve } from "node:path";
import type { Command } from "../command.ts";
import { planProject } from "../deployment.ts";
import { deploymentJson, planJson, planLines, resultLines } from "../deployment-view.ts";
import { readProject } from "../project.ts";

export const deploy: Command = {
  name: "deploy",
  summary: "Deploy a folder: a function, or an app with skerry.yaml",
  about: [
    "A folder with index.ts, index.mjs or index.js is one function, named after the folder, in the app " +
      "`default`; --name and --app say otherwise. A folder with skerry.yaml is an app and the functions " +
      "that it lists; --name deploys only one of them, --app puts them into another app.",
    "The plan shows what is new, what changes and what stays. What the platform has already is not uploaded, " +
      "and a deployment of the same code and configuration changes nothing. Functions that are deployed and not " +
      "part of the folder stay as they are.",
  ],
  args: [{ name: "DIR", description: "The folder." }],
  flags: [
    { name: "app", value: "APP", description: "The app to deploy into." },
    { name: "name", value: "FN", description: "Name of the function." },
    { name: "plan", description: "Only show what would change." },
  ],
  examples: [
    { line: "deploy examples/hello", says: "An app with skerry.yaml." },
    { line: "deploy ./resize --app images", says: "One function, images/resize." },
    { line: "deploy . --plan", says: "What would change." },
  ],
  async run(call) {
    const { args, flag, isOn, host, screen } = call;
    const folder = resolve(host.cwd, args[0] ?? ".");
    const project = readProject(folder, { app: flag("app"), name: flag("name") });
    const { plan, perform } = await planProject(call, project);
    if (!screen.json) screen.print(...planLines(plan, screen.style));
    if (isOn("plan")) {
      if (screen.json) screen.printJson(planJson(plan));
      return 0;
    }
    const outcome = await perform();
    if (screen.json) screen.printJson(deploymentJson(outcome));
    else screen.print(...resultLines(outcome, screen.style));
    return 0;
  },
};
