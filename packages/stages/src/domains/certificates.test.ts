/** Certificates of domains, of the platform's files, and redirects to where they are. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { silentLog, systemClock, type Clock } from "@skerry/base";
import type { DomainEntry } from "@skerry/contracts";
import { sendBytes, serveHttp, type PemIdentity } from "@skerry/http";
import { HandClock, makeAuthority, until, type TestCertificate } from "@skerry/testkit";
import { followCertificateFiles } from "./certificate-files.ts";
import { Certificates } from "./certificates.ts";
import { HttpsOnly } from "./https-only.ts";

const authority = makeAuthority();

/** The "sealed" key is the key itself. */
function domain(host: string, held?: TestCertificate, httpsOnly = false): DomainEntry {
  const of = { kind: "domain", host, accountId: "acct_1", app: "shop", apiId: "api_1" };
  const certificate =
    held === undefined ? null : { chain: held.cert, sealedKey: { value: held.key } };
  return { ...of, stage: "release", httpsOnly, certificate } as unknown as DomainEntry;
}

function open(entry: DomainEntry): Promise<string> {
  return Promise.resolve(entry.certificate?.sealedKey.value ?? "");
}

const exact = authority.issue(["shop.example"]);
const wild = authority.issue(["*.shop.example"]);

describe("certificates of domains", () => {
  it("are found by name, by pattern, or are the platform's own", async () => {
    const certificates = new Certificates({ log: silentLog(), openKey: open });
    certificates.update([
      domain("shop.example", exact),
      domain("*.shop.example", wild),
      domain("bare.shop.example"),
    ]);
    const of = async (name: string): Promise<string> => {
      const found = await certificates.identityOf(name);
      if (found === undefined) return "none";
      if (found === certificates.unnamed) return "own";
      return found.covers("shop.example") ? "exact" : "wild";
    };
    assert.equal(await of("shop.example"), "exact");
    assert.equal(await of("a.shop.example"), "wild");
    assert.equal(await of("bare.shop.example"), "wild", "a domain without one has its pattern's");
    assert.equal(await of("a.b.shop.example"), "none", "a pattern stands for one label");
    assert.equal(await of("other.example"), "none");
    certificates.own = authority.issue(["localhost"]);
    assert.equal(await of("other.example"), "own");
    certificates.update([]);
    assert.equal(await of("shop.example"), "own");
  });

  it("are the new ones from the update on, and the old ones where those cannot be used", async () => {
    const opening = Promise.withResolvers<string>();
    const next = authority.issue(["shop.example", "new.example"]);
    const certificates = new Certificates({
      log: silentLog(),
      openKey: async (entry) =>
        entry.certificate?.chain === next.cert ? await opening.promise : await open(entry),
    });
    certificates.update([domain("shop.example", exact)]);
    const before = await certificates.identityOf("shop.example");
    certificates.update([domain("shop.example", exact, true)]);
    assert.equal(await certificates.identityOf("shop.example"), before, "nothing changed of it");
    certificates.update([domain("shop.example", next)]);
    const asked = certificates.identityOf("shop.example");
    opening.resolve(next.key);
    assert.equal((await asked)?.covers("new.example"), true);
    for (const broken of [
      { ...next, key: exact.key },
      { cert: "none", key: "none" },
    ]) {
      certificates.update([domain("shop.example", broken)]);
      assert.equal((await certificates.identityOf("shop.example"))?.covers("new.example"), true);
    }
  });
});

describe("a certificate whose key cannot be opened at the moment", () => {
  it("is tried again with the next update", async () => {
    let isAway = true;
    const certificates = new Certificates({
      log: silentLog(),
      openKey: (entry) => (isAway ? Promise.reject(new TypeError("away")) : open(entry)),
    });
    const domains = [domain("shop.example", exact)];
    certificates.update(domains);
    assert.equal(await certificates.identityOf("shop.example"), undefined);
    isAway = false;
    certificates.update(domains);
    assert.equal((await certificates.identityOf("shop.example"))?.covers("shop.example"), true);
  });
});

describe("the platform's certificate files", () => {
  function follow(t: TestContext): {
    readonly clock: HandClock;
    readonly taken: PemIdentity[];
    readonly write: (pem: Partial<TestCertificate>) => void;
    readonly start: (clock: Clock) => Promise<void>;
  } {
    const folder = mkdtempSync(join(tmpdir(), "skerry-certificate-"));
    const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
    const taken: PemIdentity[] = [];
    const certificates = new Certificates({ log: silentLog(), openKey: open });
    const take = (pem: PemIdentity): void => {
      certificates.own = pem;
      taken.push(pem);
    };
    t.after(() => rmSync(folder, { recursive: true }));
    return {
      ...{ clock: new HandClock(), taken },
      write: ({ cert, key }) => {
        if (cert !== undefined) writeFileSync(files.cert, cert);
        if (key !== undefined) writeFileSync(files.key, key);
      },
      start: async (clock) => {
        const cancel = await followCertificateFiles({ clock, log: silentLog(), take }, files);
        t.after(cancel);
      },
    };
  }

  it("are read again when they change, and only whole pairs are taken", async (t) => {
    const { clock, taken, write, start } = follow(t);
    await start(clock);
    assert.deepEqual(taken, [], "a file that is missing is waited for");
    const looked = async (count: number): Promise<void> => {
      await until("the files are looked at", () => {
        clock.advance(5_000);
        return taken.length === count;
      });
    };
    write(exact);
    await looked(1);
    const next = authority.issue(["other.example"]);
    write({ cert: next.cert });
    write({ key: next.key });
    await looked(2);
    assert.deepEqual(taken, [exact, next]);
  });
});

describe("a domain that answers by TLS alone", () => {
  it("leads plain requests to the same URL, and no others", async () => {
    const httpsOnly = new HttpsOnly(4443);
    const deps = { clock: systemClock(), log: silentLog(), requestId: () => "r-1" };
    await using server = await serveHttp(
      {
        ...deps,
        onRequest: (req, res, target) => {
          if (httpsOnly.redirects(req, res, target)) return;
          sendBytes(res, { status: 200, headers: [] }, "plain");
        },
      },
      { listen: { host: "127.0.0.1", port: 0 } },
    );
    httpsOnly.update([domain("*.shop.example", wild, true), domain("plain.shop.example", wild)]);
    const ask = async (host: string, path = "/"): Promise<string> => {
      const to = { host: "127.0.0.1", port: server.port, path, method: "POST", agent: false };
      const outgoing = request({ ...to, headers: { host } });
      outgoing.end("body");
      const [res] = (await once(outgoing, "response")) as [IncomingMessage];
      res.resume();
      return `${res.statusCode} ${res.headers.location ?? ""}`;
    };
    assert.equal(
      await ask("a.shop.example:80", "/x%20y?z=1"),
      "308 https://a.shop.example:4443/x%20y?z=1",
    );
    assert.equal(await ask("plain.shop.example"), "200 ");
    assert.equal(await ask("other.example"), "200 ");
    assert.equal(await ask("a.b.shop.example"), "200 ", "a pattern stands for one label");
    httpsOnly.update([]);
    assert.equal(await ask("a.shop.example"), "200 ");
  });
});
