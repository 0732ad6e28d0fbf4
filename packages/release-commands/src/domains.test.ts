/** Domains on a command line: where hosts lead, and that keys are read and never shown. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { DomainResource } from "@skerry/api-schema";
import { startFakePlatform, withPipes } from "@skerry/testkit/clients";
import { DOMAIN_COMMANDS } from "./domains.ts";

const run = withPipes(DOMAIN_COMMANDS);
const AT = "2026-01-01T00:00:00.000Z";
const HOST = "shop.example";

function domainOf(more: Partial<DomainResource> = {}): DomainResource {
  return {
    ...{ host: HOST, app: "shop", api: "web", stage: "release", httpsOnly: false },
    ...{ certificate: null, createdAt: AT, updatedAt: AT, etag: '"1"', ...more },
  };
}

test("hosts are listed with where they lead and their certificates, and removed on demand", async () => {
  const names = { names: [HOST], issuer: "CN=test", notBefore: AT, notAfter: AT, sha256: "00" };
  await using platform = await startFakePlatform({
    listDomains: () => ({
      items: [domainOf(), domainOf({ host: "*.x.example", httpsOnly: true, certificate: names })],
      nextCursor: null,
    }),
    deleteDomain: () => undefined,
  });
  const { stdout } = await run(["domains", "ls"], platform);
  assert.match(stdout, /shop\.example +shop\/web release +answered +none/);
  assert.match(stdout, /\*\.x\.example .* redirected +until 2026-01-01/);
  const refused = await run(["domains", "rm", HOST], platform);
  assert.notEqual(refused.exitCode, 0);
  assert.match((await run(["domains", "rm", HOST, "--yes"], platform)).stdout, /Removed shop/);
});

test("a host is led to a stage, with certificate and key or with neither", async (t) => {
  const bodies: unknown[] = [];
  await using platform = await startFakePlatform({
    putDomain: ({ body }) => {
      bodies.push(body);
      return { ...domainOf(), isNew: true, behind: [] };
    },
  });
  const cwd = mkdtempSync(join(tmpdir(), "skerry-domains-"));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  writeFileSync(join(cwd, "c.pem"), "CHAIN");
  writeFileSync(join(cwd, "k.pem"), "PRIVATE");
  const put = (...more: readonly string[]) =>
    run(["domains", "put", HOST, "shop/web", "--stage", "release", ...more], { ...platform, cwd });
  assert.match((await put()).stdout, /shop\.example leads to shop\/web release\./);
  const files = ["--cert", "c.pem", "--cert-key", "k.pem"];
  const told = await put(...files, "--https-only");
  assert.doesNotMatch(told.stdout + told.stderr, /PRIVATE/);
  assert.match((await put("--cert-key", "k.pem")).stderr, /come together/);
  const where = { app: "shop", api: "web", stage: "release" };
  const certificate = { chain: "CHAIN", key: "PRIVATE" };
  assert.deepEqual(bodies, [
    { ...where, httpsOnly: false },
    { ...where, httpsOnly: true, certificate },
  ]);
});
