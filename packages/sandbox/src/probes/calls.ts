/** System calls that a sandbox refuses, and what each answers with and without the filter. */
import type { Call } from "./raw-program.ts";

export interface CallProbe extends Call {
  /** Of the probe. */
  readonly id: string;
  readonly title: string;
  /** The answer of a filtered sandbox; an unfiltered one must give any other. */
  readonly refused: number;
}

const EPERM = -1;
const ENOSYS = -38;
const EAFNOSUPPORT = -97;
const call = <const I extends string>(
  [id, title]: readonly [I, string],
  number: number,
  probe: { readonly arguments: Call["arguments"]; readonly refused?: number },
): CallProbe & { readonly id: I } => ({
  ...{ id, title, number },
  ...{ arguments: probe.arguments, refused: probe.refused ?? EPERM },
});

const CLONE_NEWUSER = 0x10000000;
const CLONE_NEWNS = 0x00020000;
const SIGCHLD = 17;
const AT_FDCWD = -100;
const O_RDWR_NOCTTY = 0o402;
const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;

/** Makes a terminal of its own and takes it over: what TIOCSTI needs to be tried at all. */
export const TERMINAL_CALLS: readonly Call[] = [
  { number: 112, arguments: [] }, // setsid
  { number: 257, arguments: [AT_FDCWD, { text: "/dev/ptmx" }, O_RDWR_NOCTTY, 0] },
  { number: 16, arguments: [{ resultOf: 1 }, TIOCSPTLCK, { text: "\0\0\0" }] },
  { number: 16, arguments: [{ resultOf: 1 }, TIOCGPTPEER, 2] },
];

/** Asked after TERMINAL_CALLS, in this order. x86-64 numbers. */
export const CALL_PROBES = [
  call(["tiocsti", "TIOCSTI pushes no input into a terminal"], 16, {
    arguments: [{ resultOf: 3 }, TIOCSTI, { text: "x" }],
  }),
  call(["tioclinux", "TIOCLINUX is refused"], 16, {
    arguments: [{ resultOf: 3 }, TIOCLINUX, { text: "x" }],
  }),
  call(["ptrace", "ptrace is refused"], 101, { arguments: [0, 0, 0, 0] }),
  call(["process-vm-readv", "process_vm_readv is refused"], 310, { arguments: [1, 0, 0, 0, 0, 0] }),
  // Looking something up, which a kernel that keeps plain users from making things does not refuse.
  call(["bpf", "bpf is refused"], 321, { arguments: [1, 0, 4096 * 2] }),
  call(["keyctl", "keyctl is refused"], 250, { arguments: [0, -3, 0] }),
  call(["add-key", "add_key is refused"], 248, {
    arguments: [{ text: "user" }, { text: "skerry" }, { text: "x" }, 1, -2],
  }),
  call(["request-key", "request_key is refused"], 249, { arguments: [0, 0, 0, 0] }),
  call(["perf-event", "perf_event_open is refused"], 298, { arguments: [0, 0, -1, -1, 0] }),
  call(["userfaultfd", "userfaultfd is refused"], 323, { arguments: [1] }),
  call(["io-uring", "io_uring is absent"], 425, { arguments: [1, 0], refused: ENOSYS }),
  call(["clone3", "clone3 is absent"], 435, { arguments: [0, 0], refused: ENOSYS }),
  call(["unshare", "unshare of a user namespace is refused"], 272, { arguments: [CLONE_NEWUSER] }),
  call(["clone", "clone into a user namespace is refused"], 56, {
    arguments: [CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0],
  }),
  call(["open-by-handle", "open_by_handle_at is refused"], 304, { arguments: [-1, 0, 0] }),
  call(["name-to-handle", "name_to_handle_at is refused"], 303, { arguments: [-1, 0, 0, 0, 0] }),
  call(["open-tree", "open_tree is refused"], 428, { arguments: [AT_FDCWD, { text: "/" }, 0] }),
  call(["pidfd-getfd", "pidfd_getfd is refused"], 438, { arguments: [-1, 0, 0] }),
  call(["kcmp", "kcmp is refused"], 312, { arguments: [1, 1, 99, 0, 0] }),
  call(["personality", "personality may not switch off address randomisation"], 135, {
    arguments: [0x0040000],
  }),
  call(["fanotify", "fanotify is refused"], 300, { arguments: [0x200, 0] }),
  call(["netlink", "raw netlink families are absent"], 41, {
    arguments: [16, 3, 15],
    refused: EAFNOSUPPORT,
  }),
  call(["packet-socket", "packet sockets are absent"], 41, {
    arguments: [17, 3, 0],
    refused: EAFNOSUPPORT,
  }),
  call(["process-vm-writev", "process_vm_writev is refused"], 311, {
    arguments: [1, 0, 0, 0, 0, 0],
  }),
  call(["process-madvise", "process_madvise is refused"], 440, { arguments: [-1, 0, 0, 0, 0] }),
  call(["setns", "setns is refused"], 308, { arguments: [-1, 0] }),
  call(["vmsplice", "vmsplice is refused"], 278, { arguments: [-1, 0, 0, 0] }),
  call(["modify-ldt", "modify_ldt is refused"], 154, { arguments: [0, 0, 0] }),
  call(["move-pages", "move_pages is refused"], 279, { arguments: [0, 0, 0, 0, 0, 0] }),
  call(["memfd-secret", "memfd_secret is refused"], 447, { arguments: [0] }),
  call(["chroot", "chroot is refused"], 161, { arguments: [{ text: "/" }] }),
] as const satisfies readonly CallProbe[];

/** Namespaces of its own and a mount in them: what a shared kernel must not let a stranger do. */
export const MOUNT_CALLS: readonly Call[] = [
  { number: 272, arguments: [CLONE_NEWUSER | CLONE_NEWNS] },
  { number: 165, arguments: [{ text: "none" }, { text: "/tmp" }, { text: "tmpfs" }, 0, 0] },
];
/** geteuid, for a set-uid program. */
export const IDENTITY_CALLS: readonly Call[] = [{ number: 107, arguments: [] }];
/** getpid under its x32 number. */
export const X32_CALLS: readonly Call[] = [{ number: 39 | 0x40000000, arguments: [] }];

const F_GETFD = 1;
/** Descriptors looked at: the low ones, and those around the planted 251. */
export const WATCHED_DESCRIPTORS: readonly number[] = [
  ...Array.from({ length: 64 }, (_, index) => index),
  ...Array.from({ length: 10 }, (_, index) => 246 + index),
];
/** fcntl(n, F_GETFD) for each: an error means that it is not open. */
export const DESCRIPTOR_CALLS: readonly Call[] = WATCHED_DESCRIPTORS.map((descriptor) => ({
  number: 72,
  arguments: [descriptor, F_GETFD],
}));
