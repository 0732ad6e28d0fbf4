/**
 * The system call filter as classic BPF, the form bubblewrap takes on `--seccomp`. It is a deny
 * list: V8 needs a wide and moving set of calls, so an allow list would break with every runtime.
 *
 * Invariants: another architecture (32-bit calls included) and the x32 numbers kill the process;
 * each refused call is one test and one return, so no jump can be out of range; falling through
 * allows. Left out: pointers cannot be followed, hence clone3 is absent as a whole.
 */
import {
  ABSENT_CALLS,
  DENIED_CALLS,
  FILTERED_CALLS,
  UNCOUNTED_MEMORY_CALLS,
  type SeccompArch,
} from "./syscalls.ts";

/** One instruction: `struct sock_filter` of linux/filter.h. */
export interface BpfInstruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly operand: number;
}

export interface SeccompOptions {
  readonly arch: SeccompArch;
  /** Also refuse memory that polling cannot see (memfd, System V segments). */
  readonly denyUncountedMemory: boolean;
}

// linux/bpf_common.h
const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_ANY_BIT = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const JUMP_GREATER_EQUAL = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K

// linux/seccomp.h; struct seccomp_data is { int nr; u32 arch; u64 ip; u64 args[6]; }
const NUMBER_AT = 0;
const ARCH_AT = 4;
/** Offset of the low 32 bits of an argument; both architectures are little-endian. */
const argumentAt = (index: number): number => 16 + index * 8;
const KILL_PROCESS = 0x80000000;
const ALLOW = 0x7fff0000;
const errno = (number: number): number => 0x00050000 | number;

const EPERM = errno(1);
const ENOSYS = errno(38);
const EAFNOSUPPORT = errno(97);

/** linux/audit.h AUDIT_ARCH_*. */
const AUDIT_ARCH: Readonly<Record<SeccompArch, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };
const X32_BIT = 0x40000000;

/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET, linux/sched.h. */
const CLONE_NEW_ANY = 0x7e020000;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
/** PER_LINUX, PER_LINUX32, both with UNAME26, and the query: what Docker's profile allows. */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

const NEXT = [0, 0] as const;
const op = (
  code: number,
  operand: number,
  [jumpTrue, jumpFalse]: readonly [number, number] = NEXT,
): BpfInstruction => ({ code, jumpTrue, jumpFalse, operand });
const load = (offset: number): BpfInstruction => op(LOAD_WORD, offset);
const ret = (verdict: number): BpfInstruction => op(RETURN, verdict);
/** `body` runs when the loaded word equals `value`, and must return on every path. */
const when = (value: number, body: readonly BpfInstruction[]): BpfInstruction[] => [
  op(JUMP_EQUAL, value, [0, body.length]),
  ...body,
];

/** The whole filter, in order. Pure; the same options give the same program. */
export function buildSeccompProgram(options: SeccompOptions): readonly BpfInstruction[] {
  const { arch } = options;
  const table = options.denyUncountedMemory
    ? { ...DENIED_CALLS, ...UNCOUNTED_MEMORY_CALLS }
    : DENIED_CALLS;
  const refuse = (calls: typeof DENIED_CALLS, verdict: number): BpfInstruction[] =>
    Object.values(calls).flatMap((numbers) => {
      const number = numbers[arch];
      return number === undefined ? [] : when(number, [ret(verdict)]);
    });
  return [
    load(ARCH_AT),
    op(JUMP_EQUAL, AUDIT_ARCH[arch], [1, 0]),
    ret(KILL_PROCESS),
    load(NUMBER_AT),
    ...(arch === "x64" ? [op(JUMP_GREATER_EQUAL, X32_BIT, [0, 1]), ret(KILL_PROCESS)] : []),
    ...refuse(table, EPERM),
    ...refuse(ABSENT_CALLS, ENOSYS),
    ...when(FILTERED_CALLS.clone[arch], [
      load(argumentAt(0)),
      op(JUMP_ANY_BIT, CLONE_NEW_ANY, [0, 1]),
      ret(EPERM),
      ret(ALLOW),
    ]),
    ...when(FILTERED_CALLS.socket[arch], socketRules()),
    ...when(FILTERED_CALLS.ioctl[arch], [
      load(argumentAt(1)),
      ...when(TIOCSTI, [ret(EPERM)]),
      ...when(TIOCLINUX, [ret(EPERM)]),
      ret(ALLOW),
    ]),
    ...when(FILTERED_CALLS.personality[arch], [
      load(argumentAt(0)),
      ...PERSONALITIES.flatMap((value) => when(value, [ret(ALLOW)])),
      ret(EPERM),
    ]),
    ret(ALLOW),
  ];
}

/** Local, IPv4, IPv6, and the netlink family that `os.networkInterfaces()` reads. */
function socketRules(): BpfInstruction[] {
  return [
    load(argumentAt(0)),
    ...[AF_UNIX, AF_INET, AF_INET6].flatMap((family) => when(family, [ret(ALLOW)])),
    ...when(AF_NETLINK, [
      load(argumentAt(2)),
      ...when(NETLINK_ROUTE, [ret(ALLOW)]),
      ret(EAFNOSUPPORT),
    ]),
    ret(EAFNOSUPPORT),
  ];
}

/** The bytes the kernel takes: `struct sock_filter { u16 code; u8 jt; u8 jf; u32 k; }` each. */
export function encodeSeccompProgram(program: readonly BpfInstruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach((instruction, index) => {
    const at = index * 8;
    bytes.writeUInt16LE(instruction.code, at);
    bytes.writeUInt8(instruction.jumpTrue, at + 2);
    bytes.writeUInt8(instruction.jumpFalse, at + 3);
    bytes.writeUInt32LE(instruction.operand, at + 4);
  });
  return bytes;
}

/** The filter's architecture for this machine, or null where none is known. */
export function seccompArchOf(nodeArch: string): SeccompArch | null {
  return nodeArch === "x64" || nodeArch === "arm64" ? nodeArch : null;
}
