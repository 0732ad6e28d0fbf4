/**
 * Runs suites of the sandbox on a machine whose control groups are of version 2 with all
 * controllers, a virtual one that reads this machine's files. Writes how many passed, by who ran
 * them, to `tests/results/cgroup2.json`; what was not run this time is kept there.
 * To be started as root:
 *
 *   node tests/cgroup2/long-run.ts KERNEL [STANDING] [kvm|tcg]
 *
 * KERNEL is where an unpacked kernel lies: on Debian, in an empty directory, `apt-get download
 * linux-image-VERSION-cloud-amd64` and `dpkg-deb -x linux-image-*.deb .`; programs it needs are in
 * `qemu-system-x86`, `qemu-system-common` (or `virtiofsd`) and `busybox-static`. Without `kvm` the
 * processor is emulated, ten to twenty times as slow: nothing here measures time.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { systemClock } from "@skerry/base";
import { until } from "@skerry/testkit";
import { writeResult } from "../results/write.ts";

/** Whole platforms are not among them: emulated, their roles are not ready in time. */
const SUITES = ["packages/sandbox/src/cgroups.test.ts", "packages/sandbox/test/driver.test.ts"];
/** Who runs them: see inside.sh. */
const STANDINGS = ["login", "service", "user"] as const;
type Standing = (typeof STANDINGS)[number];

interface Account {
  readonly date: string;
  readonly linux: string;
  readonly accel: string;
  /** What holds the limits of a sandbox there. */
  readonly level: Readonly<Record<string, string>>;
  readonly suites: readonly string[];
  readonly pass: number;
  readonly fail: number;
  readonly skipped: number;
}

const MODULES = [
  ...["virtio/virtio", "virtio/virtio_ring", "virtio/virtio_pci"].map((name) => `drivers/${name}`),
  ...["virtio_pci_modern_dev", "virtio_pci_legacy_dev"].map((name) => `drivers/virtio/${name}`),
  ...["fs/fuse/fuse", "fs/fuse/virtiofs", "fs/overlayfs/overlay"],
];
const MEMORY = "8192M";
const RESULT = new URL("../results/cgroup2.json", import.meta.url);
const CLONE = join(import.meta.dirname, "../..");

const [kernel = "", only, accel = "tcg"] = process.argv.slice(2);
const standings = STANDINGS.filter((name) => only === undefined || name === only);
assert.ok(standings.length > 0, `no such standing: ${only}`);
const kernelFile = join(kernel, "boot", find(join(kernel, "boot"), "vmlinuz-"));
const modules = join(kernel, "lib/modules", find(join(kernel, "lib/modules"), ""), "kernel");
const linux = basename(kernelFile).replace("vmlinuz-", "");
const virtiofsd = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"].find((file) =>
  existsSync(file),
);
assert.ok(virtiofsd !== undefined, "virtiofsd is missing: apt-get install qemu-system-common");

const work = mkdtempSync(join(tmpdir(), "skerry-cgroup2-"));
try {
  const runs: Record<string, Account> = existsSync(RESULT)
    ? (JSON.parse(readFileSync(RESULT, "utf8")) as { runs: Record<string, Account> }).runs
    : {};
  const firstFiles = packFirstFiles();
  for (const standing of standings) runs[standing] = await run(standing, firstFiles);
  const { version } = JSON.parse(readFileSync(join(CLONE, "package.json"), "utf8")) as {
    version: string;
  };
  writeResult("cgroup2", {
    measured: "suites that pass under cgroup v2 with all controllers, in a virtual machine",
    version,
    runs,
  });
  for (const name of standings) {
    const { fail, level: { memory, processes, cpu } = {} } = runs[name] ?? {};
    assert.equal(fail, 0, `${name}: some failed`);
    assert.deepEqual([memory, processes, cpu], ["cgroup v2", "cgroup v2", "cgroup v2"], name);
  }
} finally {
  rmSync(work, { recursive: true });
}

function find(directory: string, prefix: string): string {
  const found =
    existsSync(directory) && readdirSync(directory).find((name) => name.startsWith(prefix));
  assert.ok(found, `no unpacked kernel: nothing in ${directory}; see the head of this file`);
  return found;
}

function packFirstFiles(): string {
  const tree = join(work, "first");
  for (const name of ["bin", "modules", "lower", "upper", "root", "dev"])
    mkdirSync(join(tree, name), { recursive: true });
  copyFileSync("/bin/busybox", join(tree, "bin/busybox"));
  copyFileSync(join(CLONE, "tests/cgroup2/init.sh"), join(tree, "init"));
  for (const name of MODULES)
    copyFileSync(join(modules, `${name}.ko`), join(tree, "modules", `${basename(name)}.ko`));
  execFileSync("sh", ["-c", "chmod 755 init && find . | busybox cpio -o -H newc > ../first.cpio"], {
    cwd: tree,
    stdio: "ignore",
  });
  return join(work, "first.cpio");
}

async function run(standing: Standing, firstFiles: string): Promise<Account> {
  const socket = join(work, `${standing}.sock`);
  const files = spawn(
    virtiofsd ?? "",
    [`--socket-path=${socket}`, "-o", "source=/", "-o", "cache=always", "-o", "sandbox=chroot"],
    { stdio: "ignore" },
  );
  try {
    await until("files are served", () => existsSync(socket));
    const words = ["console=ttyS0", "quiet", "loglevel=1", "panic=-1", "cgroup_no_v1=all"];
    words.push(`clone=${CLONE}`, `standing=${standing}`, `suites=${SUITES.join()}`);
    const machine = spawn(
      "qemu-system-x86_64",
      [
        ...["-accel", accel, "-cpu", accel === "kvm" ? "host" : "max", "-smp", "2", "-m", MEMORY],
        ...["-object", `memory-backend-memfd,id=memory,size=${MEMORY},share=on`],
        ...["-numa", "node,memdev=memory", "-display", "none", "-net", "none", "-serial", "stdio"],
        ...["-no-reboot", "-kernel", kernelFile, "-initrd", firstFiles, "-append", words.join(" ")],
        ...["-chardev", `socket,id=files,path=${socket}`],
        ...["-device", "vhost-user-fs-pci,chardev=files,tag=host"],
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let text = "";
    machine.stdout.on("data", (chunk: Buffer) => {
      text += String(chunk);
      process.stdout.write(chunk);
    });
    await once(machine, "close");
    const count = (name: string): number =>
      Number(new RegExp(`^# ${name} (\\d+)`, "m").exec(text)?.[1] ?? Number.NaN);
    assert.ok(count("pass") > 0, "the machine ended without an account");
    const level = /^# level (.*)/m.exec(text)?.[1] ?? "{}";
    const date = new Date(systemClock().wallMs()).toISOString();
    return {
      date,
      linux,
      accel,
      level: JSON.parse(level) as Account["level"],
      suites: SUITES,
      pass: count("pass"),
      fail: count("fail") + count("cancelled"),
      skipped: count("skipped"),
    };
  } finally {
    files.kill();
  }
}
