import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { exitCodeOf, PlatformError } from "@skerry/base";
import { flagOf } from "@skerry/contracts";
import { obey } from "./supervise.ts";

test("an order to a platform that does not run says so, and how to start it", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "skerry-nobody-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const told = await obey([flagOf("home"), home, "restart", "gateway"]).catch(PlatformError.from);
  assert.ok(told instanceof PlatformError);
  assert.equal(told.reason, "SUPERVISOR_UNREACHABLE");
  assert.match(told.message, /skerry-nobody-.*`restart gateway`.*ENOENT/);
  assert.match(told.hint, /npm start/);
  assert.equal(exitCodeOf(told.code), 16);
});
