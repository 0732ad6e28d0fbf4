/** What it may use up. */
import type { Report } from "./evidence.ts";
import { probes } from "./probe.ts";

/** The named line of `/proc/self/limits`: soft and hard. */
export function limitOf(report: Pick<Report, "limits">, name: string): readonly string[] {
  const line = report.limits.split("\n").find((text) => text.startsWith(name)) ?? "";
  return line.slice(name.length).trim().split(/\s+/).slice(0, 2);
}

export const LIMIT_PROBES = probes([
  {
    id: "tmp-size",
    area: "limits",
    title: "/tmp is full when its size is reached",
    wall: ({ limits }) => limits.tmp,
    holds: ({ report }) => report.temporary === "ENOSPC",
    saw: ({ report }) => report.temporary,
  },
  {
    id: "open-files",
    area: "limits",
    title: "open files end at the limit",
    wall: ({ limits }) => limits.openFiles,
    holds: ({ report: { files }, limits }) =>
      files.error === "EMFILE" && files.count < limits.openFilesMax,
    saw: ({ report }) => report.files,
  },
  {
    id: "core-files",
    area: "limits",
    title: "no core file may be written",
    wall: "RLIMIT_CORE",
    holds: ({ report }) => limitOf(report, "Max core file size").join() === "0,0",
    saw: ({ report }) => limitOf(report, "Max core file size"),
  },
  {
    id: "process-count",
    area: "limits",
    title: "processes end at the limit",
    wall: ({ limits }) => limits.processes,
    needsX64: true,
    holds: ({ report: { forks }, limits }) =>
      forks !== undefined && forks.started > 0 && forks.started < limits.processesMax,
    saw: ({ report }) => report.forks,
  },
  {
    id: "memory",
    area: "limits",
    title: "memory ends at the limit, and the exit says so",
    wall: ({ limits }) => limits.memory,
    holds: ({ host }) => host.exit.reason === "memory" && host.exit.oomKilled,
    saw: ({ host, report }) => ({ ...host.exit, eaten: report.eaten }),
  },
]);
