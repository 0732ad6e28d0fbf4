/**
 * The negative control of every probe: what must be taken away for it to see something else, and,
 * where that alone proves little, what it must then see. A probe that says the same in both cases
 * proves nothing. One without a control here is a type error.
 */
import type { CALL_PROBES } from "../src/probes/calls.ts";
import { resultsOf, type Evidence, type NAMESPACES } from "../src/probes/evidence.ts";
import type { FILE_PROBES } from "../src/probes/file-probes.ts";
import { limitOf, type LIMIT_PROBES } from "../src/probes/limit-probes.ts";
import type { FILTER_PROBES, PRIVILEGE_PROBES } from "../src/probes/privilege-probes.ts";
import type { NETWORK_PROBES, PROCESS_PROBES } from "../src/probes/view-probes.ts";
import type { Protection } from "../src/protections.ts";

type Table =
  | typeof FILE_PROBES
  | typeof PROCESS_PROBES
  | typeof NETWORK_PROBES
  | typeof PRIVILEGE_PROBES
  | typeof FILTER_PROBES
  | typeof CALL_PROBES
  | typeof LIMIT_PROBES;
type ProbeId = Table[number]["id"];

export interface Control {
  /** The walls whose fall it must see. */
  readonly without: readonly Protection[];
  /** Whom the platform runs as when the control means anything. Default: anyone. */
  readonly as?: "root";
  /** An older kernel refuses by itself, and the probe sees no difference. */
  readonly sinceLinux?: readonly [major: number, minor: number];
  /** Besides that the probe no longer holds. */
  readonly sees?: (evidence: Evidence) => boolean;
}

function shares(name: (typeof NAMESPACES)[number]): (evidence: Evidence) => boolean {
  return ({ report, host }) => report.namespaces[name] === host.namespaces[name];
}

const result = (evidence: Evidence, program: "mounting", index: number): number | undefined =>
  resultsOf(evidence.report.programEnds?.[program])[index];

const FILTER: Control = { without: ["seccomp"] };
const HOST_FILES: Control["without"] = ["hostFiles"];
const OWN_UID: Control = { without: ["ownUid"], as: "root" };
/** What is looked at as memory would be the whole disk's, or that of all processes. */
const SHARED_TMP: Control["without"] = ["ownTemporary", "memoryLimit"];
const PID: Control["without"] = ["pidNamespace", "memoryLimit"];
const NETWORK: Control["without"] = ["networkNamespace"];

/** The same ways as the host has, whichever these are on this machine. */
const routesOfHost = (kind: "metadata" | "private" | "public"): Control => ({
  without: NETWORK,
  sees: (evidence) =>
    shares("net")(evidence) &&
    evidence.report.network.routes[kind].join() === evidence.host.routes[kind].join(),
});

export const CONTROLS: Readonly<Record<ProbeId, Control>> = {
  "host-file": {
    without: HOST_FILES,
    sees: ({ report }) => report.readsBelowHost.hostFile === "ok",
  },
  "neighbour-file": {
    without: HOST_FILES,
    sees: ({ report }) => report.readsBelowHost.neighbourFile === "ok",
  },
  "neighbour-tmp": {
    without: SHARED_TMP,
    sees: ({ report }) => report.reads.neighbourTmp === "ok",
  },
  shadow: { without: HOST_FILES },
  "host-programs": { without: HOST_FILES, sees: ({ report }) => report.programs[1] === "ok" },
  "root-owned": { ...OWN_UID, sees: ({ report }) => report.reads.rootOwned === "ok" },
  "code-read-only": {
    without: ["readOnlyMounts"],
    sees: ({ report }) => report.writes.code === "ok",
  },
  "system-read-only": { without: ["readOnlyMounts"] },
  "root-read-only": {
    without: ["readOnlyRoot"],
    sees: ({ report: { writes } }) => [writes.top, writes.dev, writes.shm].join() === "ok,ok,ok",
  },
  "sys-absent": { without: ["systemDirectory"] },
  devices: { without: ["ownDevices"] },
  "kernel-files": {
    ...OWN_UID,
    without: ["ownUid", "kernelFiles"],
    sees: ({ report, host }) => report.kernelFiles.length > 0 && host.kernelFiles.length > 0,
  },
  "host-process": {
    without: PID,
    sees: ({ report: { hostProcess } }) => hostProcess.seen && hostProcess.signal !== "ESRCH",
  },
  "neighbour-process": { without: PID },
  "neighbour-link": { without: PID },
  "neighbour-root": { without: PID },
  ipc: { without: ["ipcNamespace"], sees: shares("ipc") },
  hostname: { without: ["utsNamespace"], sees: shares("uts") },
  "cgroup-place": {
    without: ["cgroupNamespace"],
    as: "root",
    sees: ({ report }) => report.cgroups.includes("skerry"),
  },
  environment: {
    without: ["cleanEnvironment"],
    sees: ({ report }) => report.visibleTexts.includes("PLANTED_SECRET"),
  },
  descriptors: {
    without: ["descriptors"],
    sees: ({ host }) => host.descriptors.includes(251),
  },
  interfaces: { without: NETWORK, sees: shares("net") },
  "host-loopback": {
    without: NETWORK,
    sees: ({ report }) => report.network.hostLoopback === "ok",
  },
  "host-abstract": {
    without: NETWORK,
    sees: ({ report }) => report.network.hostAbstract === "ok",
  },
  "host-sockets-listed": { without: NETWORK },
  "neighbour-loopback": {
    without: NETWORK,
    sees: ({ report }) => report.network.neighbourLoopback === "ok",
  },
  "neighbour-abstract": {
    without: NETWORK,
    sees: ({ report }) => report.network.neighbourAbstract === "ok",
  },
  "neighbour-socket": {
    without: SHARED_TMP,
    sees: ({ report }) => report.network.neighbourSocket !== "ENOENT",
  },
  metadata: routesOfHost("metadata"),
  "private-addresses": routesOfHost("private"),
  "public-addresses": routesOfHost("public"),
  capabilities: { without: ["capabilities"] },
  "kernel-uid": { ...OWN_UID, sees: ({ host }) => host.uidsOfTree.includes(host.uidOfDriver) },
  "neighbour-uid": OWN_UID,
  "user-namespace": {
    without: ["seccomp", "nestedUserNamespaces"],
    sees: (evidence) => result(evidence, "mounting", 0) === 0,
  },
  mount: {
    without: ["seccomp", "nestedUserNamespaces"],
    sees: (evidence) => result(evidence, "mounting", 1) === 0,
  },
  seccomp: { without: ["seccomp"], sees: ({ report }) => report.self["Seccomp"] === "0" },
  "calls-32-bit": FILTER,
  "calls-x32": { ...FILTER, sees: ({ report }) => report.programEnds?.x32.status === 0 },
  tiocsti: FILTER,
  tioclinux: FILTER,
  ptrace: FILTER,
  "process-vm-readv": FILTER,
  bpf: FILTER,
  keyctl: FILTER,
  "add-key": FILTER,
  "request-key": FILTER,
  "perf-event": FILTER,
  userfaultfd: FILTER,
  "io-uring": FILTER,
  clone3: FILTER,
  unshare: FILTER,
  clone: FILTER,
  "open-by-handle": { ...FILTER, sinceLinux: [6, 11] },
  "name-to-handle": FILTER,
  "open-tree": FILTER,
  "pidfd-getfd": FILTER,
  kcmp: FILTER,
  personality: FILTER,
  fanotify: FILTER,
  netlink: FILTER,
  "packet-socket": FILTER,
  "process-vm-writev": FILTER,
  "process-madvise": FILTER,
  setns: FILTER,
  vmsplice: FILTER,
  "modify-ldt": FILTER,
  "move-pages": FILTER,
  "memfd-secret": FILTER,
  chroot: { without: ["seccomp", "capabilities"] },
  "tmp-size": { without: ["temporarySize"], sees: ({ report }) => report.temporary === "ok" },
  "open-files": {
    without: ["openFilesLimit"],
    sees: ({ report, limits }) => report.files.count >= limits.openFilesMax,
  },
  "core-files": {
    without: ["coreLimit"],
    sees: ({ report }) => limitOf(report, "Max core file size")[1] !== "0",
  },
  "process-count": {
    without: ["processLimit"],
    sees: ({ report: { forks } }) => forks !== undefined && forks.started === forks.tried,
  },
  memory: {
    without: ["memoryLimit"],
    sees: ({ report, host }) => report.eaten !== undefined && host.exit.reason === "alive",
  },
};
