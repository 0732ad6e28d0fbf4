/** A kept failure says what went wrong, and nothing of the machine or of its registries. */
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { failureOf } from "./failure.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

describe("the failure that a result keeps", () => {
  it("has no work folder, no temporary folder and no root, whichever lies in another", () => {
    const work = join(tmpdir(), "work-1");
    const places = `${work}/app/a.js, ${join(tmpdir(), "other/b.js")}, ${ROOT}c.ts`;
    const said = failureOf(new TypeError(`not found: ${places}`), [work]);
    assert.equal(said, "not found: /app/a.js, /other/b.js, c.ts");
    assert.equal(failureOf(new TypeError(`in ${ROOT.replace(/\/$/, "")}`)), "in ");
  });

  it("has no host of a registry, with an address or alone", () => {
    const one = "GET HTTPS://ada:word@packages.example:8443/next failed: 404";
    assert.equal(failureOf(new TypeError(one)), "GET /next failed: 404");
    const two = "http://packages.example/next: no packages.example";
    assert.equal(failureOf(new TypeError(two)), "/next: no ");
    const three = "getaddrinfo ENOTFOUND packages.example";
    assert.equal(failureOf(new TypeError(three)), "getaddrinfo ENOTFOUND");
  });

  it("is what the command line said, else the first line of the message", () => {
    const failed = Object.assign(new TypeError("Command failed: node main.ts"), {
      stderr: "building\n✗ The build failed (https://packages.example/next).\n  hint\n",
    });
    assert.doesNotMatch(failureOf(failed), /packages\.example|hint/);
    assert.match(failureOf(failed), /^The build failed/);
    assert.equal(failureOf(new TypeError("first\nsecond")), "first");
  });
});
