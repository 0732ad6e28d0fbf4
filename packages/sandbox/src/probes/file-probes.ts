/** Files: of the host, of other instances, and where it may write. */
import { probes } from "./probe.ts";

const MOUNTS = "mount namespace";
const READ_ONLY = "read-only mounts";
const OWN_UID = "kernel uid of its own";
/** All that `/dev` inside holds. */
const DEVICES: ReadonlySet<string> = new Set([
  ...["console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm"],
  ...["stderr", "stdin", "stdout", "tty", "urandom", "zero"],
]);

export const FILE_PROBES = probes([
  {
    id: "host-file",
    area: "files",
    title: "files of the host are not there",
    wall: MOUNTS,
    holds: ({ report: { reads, readsBelowHost } }) =>
      reads.hostFile === "ENOENT" && readsBelowHost.hostFile === "ENOENT",
    saw: ({ report }) => [report.reads.hostFile, report.readsBelowHost.hostFile],
  },
  {
    id: "neighbour-file",
    area: "files",
    title: "another instance's directory is not there",
    wall: MOUNTS,
    holds: ({ report: { reads, readsBelowHost } }) =>
      reads.neighbourFile === "ENOENT" && readsBelowHost.neighbourFile === "ENOENT",
    saw: ({ report }) => [report.reads.neighbourFile, report.readsBelowHost.neighbourFile],
  },
  {
    id: "neighbour-tmp",
    area: "files",
    title: "another instance's /tmp is not there",
    wall: MOUNTS,
    holds: ({ report }) => report.reads.neighbourTmp === "ENOENT",
    saw: ({ report }) => report.reads.neighbourTmp,
  },
  {
    id: "shadow",
    area: "files",
    title: "the host's password file is not there",
    wall: MOUNTS,
    holds: ({ report: { reads, readsBelowHost } }) =>
      reads.shadow === "ENOENT" && readsBelowHost.shadow === "ENOENT",
    saw: ({ report }) => [report.reads.shadow, report.readsBelowHost.shadow],
  },
  {
    id: "host-programs",
    area: "files",
    title: "no program of the host is there",
    wall: MOUNTS,
    holds: ({ report }) => report.programs.every((code) => code === "ENOENT"),
    saw: ({ report }) => report.programs,
  },
  {
    id: "root-owned",
    area: "files",
    title: "a mounted file that only root may read stays unread",
    wall: OWN_UID,
    needsOwnUid: true,
    holds: ({ report }) => report.reads.rootOwned === "EACCES",
    saw: ({ report }) => report.reads.rootOwned,
  },
  {
    id: "code-read-only",
    area: "files",
    title: "its code cannot be changed",
    wall: READ_ONLY,
    holds: ({ report }) => report.writes.code === "EROFS",
    saw: ({ report }) => report.writes.code,
  },
  {
    id: "system-read-only",
    area: "files",
    title: "/usr and /etc are read-only",
    wall: READ_ONLY,
    holds: ({ report }) => report.writes.usr === "EROFS" && report.writes.etc === "EROFS",
    saw: ({ report }) => [report.writes.usr, report.writes.etc],
  },
  {
    id: "root-read-only",
    area: "files",
    title: "nothing can be written beside /tmp",
    wall: "read-only root",
    holds: ({ report: { writes } }) =>
      [writes.top, writes.dev, writes.shm].every((code) => code === "EROFS") && writes.tmp === "ok",
    saw: ({ report }) => report.writes,
  },
  {
    id: "sys-absent",
    area: "files",
    title: "/sys is not there",
    wall: MOUNTS,
    holds: ({ report }) => !report.sys,
    saw: ({ report }) => report.sys,
  },
  {
    id: "devices",
    area: "files",
    title: "/dev holds no device of the machine",
    wall: MOUNTS,
    holds: ({ report }) => report.devices.every((name) => DEVICES.has(name)),
    saw: ({ report }) => report.devices.filter((name) => !DEVICES.has(name)),
  },
  {
    id: "kernel-files",
    area: "files",
    title: "no file of /proc that rules the kernel opens for writing",
    wall: "user namespace, read-only mounts",
    holds: ({ report }) => report.kernelFiles.length === 0,
    saw: ({ report }) => report.kernelFiles,
  },
]);
