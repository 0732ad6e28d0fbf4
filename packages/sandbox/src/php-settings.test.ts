import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { readHostSystem } from "./host-system.ts";
import { harmlessSettings, readPhpSettings } from "./php-settings.ts";

/** A machine's settings, secrets among them. */
const FILES: Readonly<Record<string, string>> = {
  "8.2/cli/php.ini": [
    ...["[PHP]", "short_open_tag = Off", "zend.exception_ignore_args=On", "; mysqli.default_pw ="],
    ...['mysqli.default_pw = "s3cret-db"', "date.timezone = Europe/Berlin", "smtp_port=25"],
  ].join("\n"),
  "8.2/mods-available/opcache.ini": "; priority=10\nzend_extension=opcache.so\nopcache.jit=off\r\n",
  "8.2/mods-available/newrelic.ini": 'extension=newrelic.so\nnewrelic.license = "s3cret-license"\n',
  "8.2/fpm/pool.d/www.conf": "env[DB_PASSWORD] = s3cret-pool\n",
  "8.2/cli/conf.d/notes.txt": "s3cret-note",
};

test("of PHP's settings only harmless ones are seen inside, whatever else lies in /etc/php", () => {
  const root = mkdtempSync(join(tmpdir(), "skerry-php-"));
  try {
    for (const [path, text] of Object.entries(FILES)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    for (const name of ["opcache", "newrelic"]) {
      const target = join(root, `8.2/mods-available/${name}.ini`);
      symlinkSync(target, join(root, `8.2/cli/conf.d/20-${name}.ini`));
    }
    symlinkSync("/nowhere", join(root, "8.2/cli/conf.d/30-gone.ini"));
    assert.deepEqual(readPhpSettings(root), {
      "/etc/php/8.2/cli/php.ini":
        "short_open_tag = Off\nzend.exception_ignore_args=On\ndate.timezone = Europe/Berlin\n",
      "/etc/php/8.2/cli/conf.d/20-opcache.ini": "zend_extension=opcache.so\nopcache.jit=off\n",
      "/etc/php/8.2/cli/conf.d/20-newrelic.ini": "extension=newrelic.so\n",
    });
    assert.deepEqual(readPhpSettings(join(root, "absent")), {});
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("a setting is known by its whole name", () => {
  const lines = ["extension_password=1", "x.extension=1", "memory_limit.secret=1", "env[A]=1"];
  assert.equal(harmlessSettings(lines.join("\n")), "");
  assert.equal(harmlessSettings("  memory_limit = 1M"), "  memory_limit = 1M\n");
});

test("nothing of /etc is mounted from the machine but links between programs and libraries", () => {
  for (const path of readHostSystem().etc) {
    assert.ok(["/etc/alternatives", "/etc/ld.so.cache"].includes(path), path);
  }
});
