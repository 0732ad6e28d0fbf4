/** What `skerry doctor` says of walls that held and of those that did not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { exitCodeOf } from "@skerry/base";
import type { ProbeReport, ProbeResult } from "@skerry/contracts";
import { type Answers, PLATFORM, startFakePlatform, onTerminal } from "@skerry/testkit/clients";
import { doctor } from "./doctor.ts";

const runOnTerminal = onTerminal([doctor]);

const PROBE: ProbeResult = {
  ...{ id: "host-file", area: "files", title: "files of the host are not there" },
  ...{ wall: "mount namespace", state: "held", saw: null },
};
const OPEN: ProbeResult = {
  ...PROBE,
  ...{ id: "kernel-uid", title: "a kernel uid of its own", state: "open", saw: "[1000]" },
};
const UNTRIED: ProbeResult = { ...PROBE, id: "mount", state: "untried", saw: "no x86-64" };
const BROKEN: ProbeResult = { ...PROBE, id: "shadow", state: "broken", saw: '["ok","ENOENT"]' };
const NODE_ID = "node_1";

const answering = (probes: readonly ProbeResult[]): Answers => ({
  getPlatform: () => ({ ...PLATFORM, nodes: PLATFORM.nodes.filter(({ id }) => id === NODE_ID) }),
  probeNode: ({ params }): ProbeReport => ({
    ...{ node: params["node"] ?? "", tookMs: 2_300, probes: [...probes] },
    sandbox: {
      ...{ rung: "bubblewrap", label: "bubblewrap (shared uid)" },
      ...{ enforcement: {}, raise: "a uid for each instance: sudo npm start" },
    },
  }),
});

test("walls that held, and those that nobody promised, are told with the command that raises", async () => {
  await using platform = await startFakePlatform(answering([PROBE, OPEN, UNTRIED]));
  const { stdout, exitCode } = await runOnTerminal(["doctor"], {
    ...{ url: platform.url, columns: 160, env: { NO_COLOR: "1" } },
  });
  assert.equal(exitCode, 0);
  for (const shown of [
    /^held +files +files of the host are not there +mount namespace$/m,
    /^open .*saw \[1000\]/m,
    /^not tried .*no x86-64/m,
    /1 of 3 held, 1 not promised at this level, 1 not tried in 2\.3 s/,
    /Raise it +a uid for each instance: sudo npm start/,
  ]) {
    assert.match(stdout, shown);
  }
});

test("a promised wall that fell makes the exit code of a failed precondition, in JSON too", async () => {
  await using platform = await startFakePlatform(answering([PROBE, BROKEN]));
  const { url } = platform;
  const told = await runOnTerminal(["doctor", NODE_ID], { url, columns: 160 });
  assert.equal(told.exitCode, exitCodeOf("FAILED_PRECONDITION"));
  assert.match(told.stdout, /BROKEN/);
  const json = await runOnTerminal(["doctor", "--json"], { url });
  assert.equal(json.exitCode, exitCodeOf("FAILED_PRECONDITION"));
  const { items } = JSON.parse(json.stdout) as { items: ProbeReport[] };
  assert.deepEqual(items[0]?.probes, [PROBE, BROKEN]);
});
