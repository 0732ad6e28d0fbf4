/** Processes, network and names: what it sees of the machine and of other instances. */
import type { Evidence, NAMESPACES } from "./evidence.ts";
import { probes } from "./probe.ts";

type Namespace = (typeof NAMESPACES)[number];

const PID = "pid namespace";
const NETWORK = "network namespace";
/** No interface leads there, or none speaks that family. */
const NO_WAY: ReadonlySet<string> = new Set([
  ...["ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"],
]);

function isOwn({ report, host }: Evidence, name: Namespace): boolean {
  return report.namespaces[name] !== host.namespaces[name];
}

function hasNoWay(routes: readonly string[]): boolean {
  return routes.every((answer) => NO_WAY.has(answer));
}

/** A port as `/proc/net/tcp` writes it. */
function portText(port: number): string {
  return `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Names that a sandbox gives to its command itself, or that every process has. */
const OWN_VARIABLES: ReadonlySet<string> = new Set([
  ...["PATH", "HOME", "PWD", "TMPDIR", "TZ", "LANG", "_", "SHLVL"],
]);

function leakedVariables({ report, host }: Evidence): readonly string[] {
  const inSight = new Set(report.visibleTexts.split("\0").map((text) => text.split("=")[0]));
  return host.environment.filter((name) => inSight.has(name) && !OWN_VARIABLES.has(name));
}

export const PROCESS_PROBES = probes([
  {
    id: "host-process",
    area: "processes",
    title: "processes of the host are neither seen nor signalled",
    wall: PID,
    holds: (evidence) =>
      isOwn(evidence, "pid") &&
      evidence.report.hostProcess.signal === "ESRCH" &&
      !evidence.report.hostProcess.seen,
    saw: ({ report }) => report.hostProcess,
  },
  {
    id: "neighbour-process",
    area: "processes",
    title: "another instance's processes are not signalled",
    wall: PID,
    holds: ({ report }) => report.neighbourProcess.signal === "ESRCH",
    saw: ({ report }) => report.neighbourProcess.signal,
  },
  {
    id: "neighbour-link",
    area: "processes",
    title: "another instance's link is out of reach",
    wall: PID,
    holds: ({ report }) => report.neighbourProcess.link === "ENOENT",
    saw: ({ report }) => report.neighbourProcess.link,
  },
  {
    id: "neighbour-root",
    area: "processes",
    title: "another instance's files are out of reach by way of its process",
    wall: PID,
    holds: ({ report }) => report.neighbourProcess.file === "ENOENT",
    saw: ({ report }) => report.neighbourProcess.file,
  },
  {
    id: "ipc",
    area: "processes",
    title: "shared memory and semaphores of the host are out of reach",
    wall: "ipc namespace",
    holds: (evidence) => isOwn(evidence, "ipc"),
    saw: ({ report }) => report.namespaces["ipc"],
  },
  {
    id: "hostname",
    area: "processes",
    title: "the machine's name is hidden",
    wall: "uts namespace",
    holds: (evidence) => isOwn(evidence, "uts") && evidence.report.hostname === "sandbox",
    saw: ({ report }) => report.hostname,
  },
  {
    id: "cgroup-place",
    area: "processes",
    title: "the place of its control group is hidden",
    wall: "cgroup namespace",
    holds: (evidence) => isOwn(evidence, "cgroup") && !evidence.report.cgroups.includes("skerry"),
    saw: ({ report }) => report.cgroups,
  },
  {
    id: "environment",
    area: "processes",
    title: "the platform's environment shows nowhere",
    wall: "clean environment",
    holds: (evidence) => leakedVariables(evidence).length === 0,
    saw: leakedVariables,
  },
  {
    id: "descriptors",
    area: "processes",
    title: "no descriptor passes in but output and link",
    wall: "closed descriptors",
    needsX64: true,
    holds: ({ host }) => host.descriptors.join() === "0,1,2,3",
    saw: ({ host }) => host.descriptors,
  },
]);

export const NETWORK_PROBES = probes([
  {
    id: "interfaces",
    area: "network",
    title: "the only network interface is its own loopback",
    wall: NETWORK,
    holds: (evidence) =>
      isOwn(evidence, "net") && evidence.report.network.interfaces.join() === "lo",
    saw: ({ report }) => report.network.interfaces,
  },
  {
    id: "host-loopback",
    area: "network",
    title: "the host's loopback is out of reach",
    wall: NETWORK,
    holds: ({ report }) => report.network.hostLoopback === "ECONNREFUSED",
    saw: ({ report }) => report.network.hostLoopback,
  },
  {
    id: "host-abstract",
    area: "network",
    title: "abstract sockets of the host are out of reach",
    wall: NETWORK,
    holds: ({ report }) => report.network.hostAbstract === "ECONNREFUSED",
    saw: ({ report }) => report.network.hostAbstract,
  },
  {
    id: "host-sockets-listed",
    area: "network",
    title: "sockets of the host are not listed",
    wall: NETWORK,
    holds: ({ report, host }) =>
      !report.network.tables.includes(portText(host.port)) &&
      !report.network.tables.includes(host.abstractName),
    saw: ({ report }) => `${report.network.tables.split("\n").length} lines`,
  },
  {
    id: "neighbour-loopback",
    area: "network",
    title: "another instance's ports are out of reach",
    wall: NETWORK,
    holds: ({ report }) => report.network.neighbourLoopback === "ECONNREFUSED",
    saw: ({ report }) => report.network.neighbourLoopback,
  },
  {
    id: "neighbour-abstract",
    area: "network",
    title: "another instance's abstract sockets are out of reach",
    wall: NETWORK,
    holds: ({ report }) => report.network.neighbourAbstract === "ECONNREFUSED",
    saw: ({ report }) => report.network.neighbourAbstract,
  },
  {
    id: "neighbour-socket",
    area: "network",
    title: "another instance's sockets in /tmp are out of reach",
    wall: "mount namespace",
    holds: ({ report }) => report.network.neighbourSocket === "ENOENT",
    saw: ({ report }) => report.network.neighbourSocket,
  },
  {
    id: "metadata",
    area: "network",
    title: "no way leads to a cloud's metadata addresses",
    wall: NETWORK,
    holds: (evidence) =>
      isOwn(evidence, "net") && hasNoWay(evidence.report.network.routes.metadata),
    saw: ({ report }) => report.network.routes.metadata,
  },
  {
    id: "private-addresses",
    area: "network",
    title: "no way leads to private networks",
    wall: NETWORK,
    holds: (evidence) => isOwn(evidence, "net") && hasNoWay(evidence.report.network.routes.private),
    saw: ({ report }) => report.network.routes.private,
  },
  {
    id: "public-addresses",
    area: "network",
    title: "no way leads straight to public addresses",
    wall: NETWORK,
    holds: (evidence) => isOwn(evidence, "net") && hasNoWay(evidence.report.network.routes.public),
    saw: ({ report }) => report.network.routes.public,
  },
]);
