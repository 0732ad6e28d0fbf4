import { resolve } from "node:path";
import type { Command } from "../command.ts";
import { planProject } from "../deployment.ts";
import { deploymentJson, planJson, planLines, resultLines } from "../deployment-view.ts";
import { readProject } from "../project.ts";

export const deploy: Command = {
  name: "deploy",
  summary: "Deploy a folder: a function, or an app with skerry.yaml",
  about: [
    "A folder with code (index.ts, index.py, index.php, a Procfile and others) is one function, named after the " +
      "folder, in the app `default`; --name and --app say otherwise. A folder with skerry.yaml is an app and the functions " +
      "that it lists; --name deploys only one of them, --app puts them into another app.",
    "The plan shows what is new, what changes and what stays. What the platform has already is not uploaded, " +
      "and a deployment of the same code and configuration changes nothing. Functions that are deployed and not " +
      "part of the folder stay as they are.",
    "Timers, triggers, rules, actions and gateway APIs of skerry.yaml are made, changed and removed with it; those that were " +
      "made by hand stay. --name leaves them alone. Of a gateway API only stages that follow serve at once what changes, as " +
      "test does; `skerry apis publish` has others serve it.",
    "When a build fails, the end of what it printed is shown; `skerry deployments logs` has all of it.",
  ],
  args: [{ name: "DIR", description: "The folder." }],
  flags: [
    { name: "app", value: "APP", description: "The app to deploy into." },
    { name: "name", value: "FN", description: "Name of the function." },
    { name: "plan", description: "Only show what would change." },
    {
      name: "runtime-latest",
      description: "Move what does not change to the platform's current runtime builds, too.",
    },
    { name: "verbose", description: "Print what the builds print, as it comes." },
  ],
  examples: [
    { line: "deploy examples/hello", says: "An app with skerry.yaml." },
    { line: "deploy ./resize --app images", says: "One function, images/resize." },
    { line: "deploy . --plan", says: "What would change." },
    { line: "deploy . --runtime-latest", says: "Also in the runtime builds of now." },
    { line: "deploy . --verbose", says: "With what npm, pip or Composer say." },
  ],
  async run(call) {
    const { args, flag, isOn, host, screen } = call;
    const folder = resolve(host.cwd, args[0] ?? ".");
    const project = await readProject(folder, { app: flag("app"), name: flag("name") });
    const { plan, declared, perform } = await planProject(call, project, {
      runtimeLatest: isOn("runtime-latest"),
    });
    if (!screen.json) screen.print(...planLines(plan, declared, screen.style));
    if (isOn("plan")) {
      if (screen.json) screen.printJson(planJson(plan, declared));
      return 0;
    }
    const outcome = await perform();
    if (screen.json) screen.printJson(deploymentJson(outcome));
    else screen.print(...resultLines(outcome, screen.style));
    return 0;
  },
};
