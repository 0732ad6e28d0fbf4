/**
 * The attacks: each says what must hold with every wall standing, which wall it tries, and what
 * must then be seen with that one wall taken away. The latter is the negative control: an attack
 * that fails in both cases proves nothing.
 */
import { CALL_PROBES, TERMINAL_CALLS } from "./calls.ts";
import { resultsOf, type Evidence, type ProgramEnd, type Report } from "./report.ts";
import type { Protection } from "../src/protections.ts";

export interface Attack {
  readonly title: string;
  /** The walls whose fall lets it through. */
  readonly without: readonly Protection[];
  /** Whom the platform runs as when the attack means anything. */
  readonly as: "root" | "anyone";
  /** Needs the machine programs, which exist for x86-64 only. */
  readonly needsX64?: true;
  readonly repelled: (evidence: Evidence) => boolean;
  readonly succeeds: (evidence: Evidence) => boolean;
}

const NO_CAPABILITIES = "0000000000000000";

function own(name: string): (evidence: Evidence) => boolean {
  return ({ report, host }) => report.namespaces[name] !== host.namespaces[name];
}

function shared(name: string): (evidence: Evidence) => boolean {
  return ({ report, host }) => report.namespaces[name] === host.namespaces[name];
}

/** Maximum size of the named line of `/proc/self/limits`: soft and hard. */
function limitOf(report: Report, name: string): readonly string[] {
  const line = report.limits.split("\n").find((text) => text.startsWith(name)) ?? "";
  return line.slice(name.length).trim().split(/\s+/).slice(0, 2);
}

const FILE_ATTACKS: readonly Attack[] = [
  {
    title: "files of the host are not there",
    without: ["hostFiles"],
    as: "anyone",
    repelled: ({ report }) => report.hostFile.join() === "ENOENT,ENOENT",
    succeeds: ({ report }) => report.hostFile[1] === "ok",
  },
  {
    title: "another instance's directory is not there",
    without: ["hostFiles"],
    as: "anyone",
    repelled: ({ report }) => report.otherInstance.join() === "ENOENT,ENOENT",
    succeeds: ({ report }) => report.otherInstance[1] === "ok",
  },
  {
    title: "no password file and no program of the host is there",
    without: ["hostFiles"],
    as: "anyone",
    repelled: ({ report }) =>
      report.shadow.join() === "ENOENT,ENOENT" && report.programs === "ENOENT",
    succeeds: ({ report }) => report.shadow[1] !== "ENOENT",
  },
  {
    title: "a file that only root may read stays unread even when it is mounted",
    without: ["ownUid"],
    as: "root",
    repelled: ({ report }) => report.rootOwned === "EACCES",
    succeeds: ({ report }) => report.rootOwned === "ok",
  },
  {
    title: "what it writes belongs to a kernel uid of its own",
    without: ["ownUid"],
    as: "root",
    repelled: ({ host }) => host.ownerOfBoxFile !== 0 && host.ownerOfBoxFile === host.uidOfSandbox,
    succeeds: ({ host }) => host.ownerOfBoxFile === 0,
  },
  {
    title: "mounted code cannot be changed",
    without: ["readOnlyMounts"],
    as: "anyone",
    repelled: ({ report }) => report.writes.code === "EROFS",
    succeeds: ({ report }) => report.writes.code === "ok",
  },
  {
    title: "/usr and /etc are read-only",
    without: ["readOnlyMounts"],
    as: "anyone",
    repelled: ({ report }) => report.writes.usr === "EROFS" && report.writes.etc === "EROFS",
    succeeds: ({ report }) => report.writes.usr !== "EROFS",
  },
  {
    title: "nothing can be written beside /tmp and its own directory",
    without: ["readOnlyRoot"],
    as: "anyone",
    repelled: ({ report: { writes } }) =>
      [writes.top, writes.dev, writes.shm].join() === "EROFS,EROFS,EROFS" &&
      [writes.box, writes.tmp].join() === "ok,ok",
    succeeds: ({ report: { writes } }) =>
      [writes.top, writes.dev, writes.shm].join() === "ok,ok,ok",
  },
  {
    title: "/sys is not there",
    without: ["systemDirectory"],
    as: "anyone",
    repelled: ({ report }) => !report.sys,
    succeeds: ({ report }) => report.sys,
  },
  {
    title: "/tmp is full when its size is reached",
    without: ["temporarySize"],
    as: "anyone",
    repelled: ({ report }) => report.temporary === "ENOSPC",
    succeeds: ({ report }) => report.temporary === "ok",
  },
];

const VIEW_ATTACKS: readonly Attack[] = [
  {
    title: "processes of the host are neither seen nor signalled",
    without: ["pidNamespace"],
    as: "anyone",
    repelled: (evidence) =>
      own("pid")(evidence) &&
      evidence.report.hostProcess === "ESRCH" &&
      !evidence.report.hostProcessSeen,
    succeeds: ({ report }) => report.hostProcess !== "ESRCH" && report.hostProcessSeen,
  },
  {
    title: "the host's loopback is out of reach",
    without: ["networkNamespace"],
    as: "anyone",
    repelled: (evidence) => own("net")(evidence) && evidence.report.hostLoopback === "ECONNREFUSED",
    succeeds: ({ report }) => report.hostLoopback === "ok",
  },
  {
    title: "abstract sockets of the host are out of reach",
    without: ["networkNamespace"],
    as: "anyone",
    repelled: ({ report }) => report.abstractSocket === "ECONNREFUSED",
    succeeds: ({ report }) => report.abstractSocket === "ok",
  },
  {
    title: "the only network interface is its own loopback",
    without: ["networkNamespace"],
    as: "anyone",
    repelled: (evidence) => own("net")(evidence) && evidence.report.interfaces.join() === "lo",
    succeeds: shared("net"),
  },
  {
    title: "shared memory and semaphores of the host are out of reach",
    without: ["ipcNamespace"],
    as: "anyone",
    repelled: own("ipc"),
    succeeds: shared("ipc"),
  },
  {
    title: "the machine's name is hidden",
    without: ["utsNamespace"],
    as: "anyone",
    repelled: (evidence) => own("uts")(evidence) && evidence.report.hostname === "sandbox",
    succeeds: shared("uts"),
  },
  {
    title: "the place of its control group is hidden",
    without: ["cgroupNamespace"],
    as: "root",
    repelled: (evidence) => own("cgroup")(evidence) && !evidence.report.cgroups.includes("skerry"),
    succeeds: ({ report }) => report.cgroups.includes("skerry"),
  },
  {
    title: "the platform's environment shows nowhere",
    without: ["cleanEnvironment"],
    as: "anyone",
    repelled: ({ report }) =>
      !report.environment.includes("PLANTED_SECRET") &&
      !report.visibleTexts.includes("PLANTED_SECRET"),
    succeeds: ({ report }) =>
      report.environment.includes("PLANTED_SECRET") &&
      report.visibleTexts.includes("PLANTED_SECRET"),
  },
  {
    title: "descriptors that the platform inherited do not leak, only the link does",
    without: ["descriptors"],
    as: "anyone",
    needsX64: true,
    repelled: ({ host }) => host.descriptors.join() === "0,1,2,3",
    succeeds: ({ host }) => host.descriptors.includes(251),
  },
];

const died = (end: ProgramEnd): boolean => end.signal === "SIGSYS";

const PRIVILEGE_ATTACKS: readonly Attack[] = [
  {
    title: "it has no capability, and neither has its init",
    without: ["capabilities"],
    as: "anyone",
    repelled: ({ report: { self, init } }) =>
      [self, init].every((status) =>
        [status["CapEff"], status["CapPrm"], status["CapBnd"], status["CapAmb"]].every(
          (set) => set === NO_CAPABILITIES,
        ),
      ),
    succeeds: ({ report }) => report.self["CapEff"] !== NO_CAPABILITIES,
  },
  {
    title: "the system call filter is on, for its init too",
    without: ["seccomp"],
    as: "anyone",
    repelled: ({ report: { self, init } }) =>
      [self, init].every((status) => status["Seccomp"] === "2" && status["NoNewPrivs"] === "1"),
    succeeds: ({ report }) => report.self["Seccomp"] === "0",
  },
  {
    title: "no further user namespace, even without the filter",
    without: ["seccomp", "nestedUserNamespaces"],
    as: "anyone",
    needsX64: true,
    repelled: ({ report }) => resultsOf(report.mounting)[0] === -1,
    succeeds: ({ report }) => resultsOf(report.mounting)[0] === 0,
  },
  {
    title: "no mount, not by way of namespaces of its own either",
    without: ["seccomp", "nestedUserNamespaces"],
    as: "anyone",
    needsX64: true,
    repelled: ({ report }) => resultsOf(report.mounting)[1] === -1,
    succeeds: ({ report }) => resultsOf(report.mounting)[1] === 0,
  },
  {
    title: "32-bit system calls kill the caller",
    without: ["seccomp"],
    as: "anyone",
    needsX64: true,
    repelled: ({ report }) => died(report.oldGate),
    succeeds: ({ report }) => !died(report.oldGate),
  },
  {
    title: "x32 system calls kill the caller",
    without: ["seccomp"],
    as: "anyone",
    needsX64: true,
    repelled: ({ report }) => died(report.x32),
    succeeds: ({ report }) => report.x32.status === 0,
  },
  ...CALL_PROBES.map((probe, index): Attack => ({
    title: probe.title,
    without: ["seccomp"],
    as: "anyone",
    needsX64: true,
    repelled: ({ report }) =>
      resultsOf(report.calls)[TERMINAL_CALLS.length + index] === probe.refused,
    succeeds: ({ report }) => {
      const result = resultsOf(report.calls)[TERMINAL_CALLS.length + index];
      return result !== undefined && result !== probe.refused;
    },
  })),
];

const LIMIT_ATTACKS: readonly Attack[] = [
  {
    title: "open files end at the limit",
    without: ["openFilesLimit"],
    as: "anyone",
    repelled: ({ report }) => report.files.error === "EMFILE" && report.files.count < 256,
    succeeds: ({ report }) => report.files.count >= 256,
  },
  {
    title: "no core file may be written",
    without: ["coreLimit"],
    as: "anyone",
    repelled: ({ report }) => limitOf(report, "Max core file size").join() === "0,0",
    succeeds: ({ report }) => limitOf(report, "Max core file size")[1] !== "0",
  },
  {
    title: "processes end at the limit",
    without: ["processLimit"],
    as: "anyone",
    needsX64: true,
    repelled: ({ report }) => report.forks.started > 0 && report.forks.started < 64,
    succeeds: ({ report }) => report.forks.started === report.forks.tried,
  },
  {
    title: "memory ends at the limit, and the exit says so",
    without: ["memoryLimit"],
    as: "anyone",
    repelled: ({ host }) => host.exit.reason === "memory" && host.exit.oomKilled,
    succeeds: ({ report, host }) => report.eaten !== undefined && host.exit.reason === "exited",
  },
];

export const ATTACKS: readonly Attack[] = [
  ...FILE_ATTACKS,
  ...VIEW_ATTACKS,
  ...PRIVILEGE_ATTACKS,
  ...LIMIT_ATTACKS,
];
