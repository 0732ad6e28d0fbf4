/**
 * `npm run course-site`: builds the site and shows how large each page is. `--help` names what else
 * it does.
 */
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildSite } from "./build/build.ts";
import { showSizes, sizesOf } from "./build/sizes.ts";
import { measure, showRows } from "./measure.ts";
import { siteServer } from "./server.ts";

const HELP = `npm run course-site -- [options]

  --out DIR        where the built site goes (solutions/course-site/dist)
  --serve PORT     serve it as a plain Node server, without the platform
  --measure        what a visit costs in headless Chromium, on a platform of its own
  --rounds N       visits of each kind (9)
  --chromium PATH  (/usr/bin/chromium)
  --results FILE   write what was measured there as JSON, too
`;

const { values } = parseArgs({
  options: {
    out: { type: "string", default: fileURLToPath(new URL("dist", import.meta.url)) },
    serve: { type: "string" },
    measure: { type: "boolean", default: false },
    rounds: { type: "string", default: "9" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
    results: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

async function build(): Promise<void> {
  const built = await buildSite(values.out);
  process.stdout.write(showSizes(await sizesOf(built, values.out)));
}

async function serve(port: string): Promise<void> {
  const listener = (await siteServer(values.out)).callback();
  createServer((request, response) => void listener(request, response)).listen(Number(port), () =>
    process.stdout.write(`http://127.0.0.1:${port}/\n`),
  );
}

if (values.help) {
  process.stdout.write(HELP);
} else if (values.measure) {
  const { chromium } = values;
  const measured = await measure({ chromium, rounds: Number(values.rounds) });
  process.stdout.write(showRows(measured.rows));
  if (values.results !== undefined)
    writeFileSync(values.results, `${JSON.stringify(measured, null, 2)}\n`);
} else {
  await build();
  if (values.serve !== undefined) await serve(values.serve);
}
