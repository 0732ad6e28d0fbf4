/**
 * `npm run course-site`: builds the site and shows how large each page is. `--help` names what else
 * it does.
 */
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildSite } from "./build/build.ts";
import { showSizes, sizesOf } from "./build/sizes.ts";
import { siteServer } from "./server.ts";

const HELP = `npm run course-site -- [options]

  --out DIR      where the built site goes (solutions/course-site/dist)
  --serve PORT   serve it as a plain Node server, without the platform
`;

const { values } = parseArgs({
  options: {
    out: { type: "string", default: fileURLToPath(new URL("dist", import.meta.url)) },
    serve: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  const built = await buildSite(values.out);
  process.stdout.write(showSizes(await sizesOf(built, values.out)));
  if (values.serve !== undefined) {
    const app = await siteServer(values.out);
    const listener = app.callback();
    createServer((request, response) => void listener(request, response)).listen(
      Number(values.serve),
      () => process.stdout.write(`http://127.0.0.1:${values.serve}/\n`),
    );
  }
}
