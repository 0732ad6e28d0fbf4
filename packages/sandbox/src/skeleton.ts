/**
 * The little that every sandbox sees of a system: the shared libraries a dynamic Node binary needs,
 * and an `/etc` of five files, with PHP's settings where the machine has them. They are copied once
 * per driver into a directory of the platform, because two mounts of copies start faster than a
 * dozen mounts of the host's own files, and because nothing else of the host's `/usr` (programs,
 * set-uid files) then is in reach.
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { INNER_UID, LAUNCH_SHELL } from "./bubblewrap-arguments.ts";
import type { HostSystem } from "./host-system.ts";

const LIBRARIES = [
  "libc.so.6",
  "libm.so.6",
  "libdl.so.2",
  "librt.so.1",
  "libpthread.so.0",
  "libresolv.so.2",
  "libatomic.so.1",
  "libgcc_s.so.1",
  "libstdc++.so.6",
  "libnss_files.so.2",
  "libnss_dns.so.2",
  // Where sh is bash:
  "libtinfo.so.6",
  // Where libc is musl:
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
];
const LOADERS = [
  "/lib64/ld-linux-x86-64.so.2",
  "/lib/ld-linux-aarch64.so.1",
  "/lib/ld-musl-x86_64.so.1",
  "/lib/ld-musl-aarch64.so.1",
];
const LIBRARY_DIRECTORIES = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/lib/x86_64-linux-gnu",
  "/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/lib64",
  "/usr/lib",
  "/lib",
];
const CERTIFICATES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
];

/** The files of `/etc` inside. Names resolve to the loopback only: there is no network yet. */
const ETC_FILES: Readonly<Record<string, string>> = {
  passwd: `sandbox:x:${INNER_UID}:${INNER_UID}::/tmp:/sbin/nologin\n`,
  group: `sandbox:x:${INNER_UID}:\n`,
  hosts: "127.0.0.1 localhost sandbox\n::1 localhost\n",
  "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
  "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
};

export interface LibraryCopy {
  readonly source: string;
  /** Path inside the sandbox. */
  readonly target: string;
}

/** Which of the host's files to copy and where to; `exists` answers for the host. Pure. */
export function planLibraries(exists: (path: string) => boolean): readonly LibraryCopy[] {
  const loaders = LOADERS.filter(exists).map((source) => ({ source, target: `/usr${source}` }));
  const libraries = LIBRARIES.flatMap((name) => {
    const directory = LIBRARY_DIRECTORIES.find((candidate) => exists(`${candidate}/${name}`));
    if (directory === undefined) return [];
    const under = directory.startsWith("/usr/") ? directory : `/usr${directory}`;
    return [{ source: `${directory}/${name}`, target: `${under}/${name}` }];
  });
  return [...loaders, ...libraries];
}

/**
 * Makes the directory anew; what an earlier run left in it is gone. Readable by every uid, whatever
 * the umask. With `launchShell` the host's `/bin/sh` is in it too, away from every search path.
 */
export function createSkeleton(
  directory: string,
  options: {
    readonly launchShell: boolean;
    readonly hostSystem: HostSystem;
    /** Only for tests: a `/tmp` that all share. */
    readonly sharedTemporary: boolean;
  },
): void {
  rmSync(directory, { recursive: true, force: true });
  const copy = (source: string, target: string, mode: number): void => {
    makeOpenDirectory(directory, dirname(target));
    copyFileSync(realpathSync(source), join(directory, target), constants.COPYFILE_FICLONE);
    chmodSync(join(directory, target), mode);
  };
  for (const { source, target } of planLibraries(existsSync)) copy(source, target, 0o755);
  if (options.launchShell) copy("/bin/sh", LAUNCH_SHELL, 0o755);
  if (options.sharedTemporary) {
    makeOpenDirectory(directory, "/tmp");
    chmodSync(join(directory, "tmp"), 0o777);
  }
  const certificates = CERTIFICATES.find(existsSync);
  if (certificates !== undefined) copy(certificates, "/etc/ssl/certs/ca-certificates.crt", 0o644);
  makeOpenDirectory(directory, "/etc");
  makeOpenDirectory(directory, "/usr/lib64");
  for (const path of options.hostSystem.etc) makeMountPoint(directory, path);
  const own = Object.entries(ETC_FILES).map(([name, text]) => [`/etc/${name}`, text] as const);
  for (const [path, text] of [...own, ...Object.entries(options.hostSystem.written)]) {
    makeOpenDirectory(directory, dirname(path));
    writeFileSync(join(directory, path), text);
    chmodSync(join(directory, path), 0o644);
  }
}

/** An empty directory or file, as the host's is. */
function makeMountPoint(root: string, path: string): void {
  if (statSync(path).isDirectory()) return makeOpenDirectory(root, path);
  makeOpenDirectory(root, dirname(path));
  writeFileSync(join(root, path), "", { mode: 0o644 });
}

/** Makes `root` and what lies between it and `path`, enterable by every uid. */
function makeOpenDirectory(root: string, path: string): void {
  let current = root;
  for (const part of ["", ...path.split("/").filter((name) => name !== "")]) {
    current = join(current, part);
    if (existsSync(current)) continue;
    mkdirSync(current);
    chmodSync(current, 0o755);
  }
}
