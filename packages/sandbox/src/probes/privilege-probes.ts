/** Capabilities, uids, namespaces of its own, and the system calls that the filter refuses. */
import { CALL_PROBES, TERMINAL_CALLS, type CallProbe } from "./calls.ts";
import { resultsOf, type Evidence, type ProgramEnd } from "./evidence.ts";
import { probes, type Probe } from "./probe.ts";

const FILTER = "system call filter";
const USER = "user namespace";
const NO_CAPABILITIES = "0000000000000000";
const CAPABILITY_SETS = ["CapEff", "CapPrm", "CapBnd", "CapAmb"] as const;

const died = (end: ProgramEnd | undefined): boolean => end?.signal === "SIGSYS";

export const PRIVILEGE_PROBES = probes([
  {
    id: "capabilities",
    area: "privileges",
    title: "it has no capability, and neither has its init",
    wall: "dropped capabilities",
    holds: ({ report: { self, init } }) =>
      [self, init].every((status) =>
        CAPABILITY_SETS.every((set) => status[set] === NO_CAPABILITIES),
      ),
    saw: ({ report: { self } }) => CAPABILITY_SETS.map((set) => `${set} ${self[set]}`),
  },
  {
    id: "kernel-uid",
    area: "privileges",
    title: "all its processes have a kernel uid of their own",
    wall: "kernel uid of its own",
    needsOwnUid: true,
    holds: ({ host }) =>
      host.uidOfSandbox !== null &&
      host.uidOfSandbox !== host.uidOfDriver &&
      host.uidsOfTree.length > 0 &&
      host.uidsOfTree.every((uid) => uid === host.uidOfSandbox),
    saw: ({ host }) => host.uidsOfTree,
  },
  {
    id: "neighbour-uid",
    area: "privileges",
    title: "another instance has another kernel uid",
    wall: "kernel uid of its own",
    needsOwnUid: true,
    holds: ({ host }) => host.uidOfNeighbour !== null && host.uidOfNeighbour !== host.uidOfSandbox,
    saw: ({ host }) => [host.uidOfSandbox, host.uidOfNeighbour],
  },
  {
    id: "user-namespace",
    area: "privileges",
    title: "no further user namespace",
    wall: `${USER}, ${FILTER}`,
    needsX64: true,
    holds: ({ report }) => resultsOf(report.programEnds?.mounting)[0] === -1,
    saw: ({ report }) => resultsOf(report.programEnds?.mounting)[0],
  },
  {
    id: "mount",
    area: "privileges",
    title: "no mount, not by way of namespaces of its own either",
    wall: `${USER}, ${FILTER}`,
    needsX64: true,
    holds: ({ report }) => resultsOf(report.programEnds?.mounting)[1] === -1,
    saw: ({ report }) => resultsOf(report.programEnds?.mounting)[1],
  },
]);

export const FILTER_PROBES = probes([
  {
    id: "seccomp",
    area: "calls",
    title: "the filter is on and no program gives new privileges, for its init too",
    wall: FILTER,
    holds: ({ report: { self, init } }) =>
      [self, init].every((status) => status["Seccomp"] === "2" && status["NoNewPrivs"] === "1"),
    saw: ({ report: { self } }) => [self["Seccomp"], self["NoNewPrivs"]],
  },
  {
    id: "calls-32-bit",
    area: "calls",
    title: "32-bit system calls kill the caller",
    wall: FILTER,
    needsX64: true,
    holds: ({ report }) => died(report.programEnds?.oldGate),
    saw: ({ report }) => report.programEnds?.oldGate.status,
  },
  {
    id: "calls-x32",
    area: "calls",
    title: "x32 system calls kill the caller",
    wall: FILTER,
    needsX64: true,
    holds: ({ report }) => died(report.programEnds?.x32),
    saw: ({ report }) => report.programEnds?.x32.status,
  },
]);

function callProbe(call: CallProbe, index: number): Probe & { readonly id: CallProbe["id"] } {
  const result = ({ report }: Evidence): number | undefined =>
    resultsOf(report.programEnds?.calls)[TERMINAL_CALLS.length + index];
  return {
    id: call.id,
    area: "calls",
    title: call.title,
    wall: FILTER,
    needsX64: true,
    holds: (evidence) => result(evidence) === call.refused,
    saw: result,
  };
}

export const SYSTEM_CALL_PROBES: readonly Probe[] = [
  ...FILTER_PROBES,
  ...CALL_PROBES.map(callProbe),
];
