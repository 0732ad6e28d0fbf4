import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  buildSeccompProgram,
  encodeSeccompProgram,
  seccompArchOf,
  type BpfInstruction,
} from "./seccomp.ts";
import {
  ABSENT_CALLS,
  DENIED_CALLS,
  FILTERED_CALLS,
  UNCOUNTED_MEMORY_CALLS,
  type SeccompArch,
} from "./syscalls.ts";

const AUDIT = { x64: 0xc000003e, arm64: 0xc00000b7, i386: 0x40000003 };
const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;
const EAFNOSUPPORT = 0x00050061;

interface SystemCall {
  readonly arch: number;
  readonly number: number;
  readonly arguments?: readonly number[];
}

/** What the kernel does with the program: struct seccomp_data in, a verdict out. */
function judge(program: readonly BpfInstruction[], call: SystemCall): number {
  const seen = Buffer.alloc(64);
  seen.writeUInt32LE(call.number >>> 0, 0);
  seen.writeUInt32LE(call.arch >>> 0, 4);
  call.arguments?.forEach((value, index) => seen.writeUInt32LE(value >>> 0, 16 + index * 8));
  let word = 0;
  for (let at = 0; at < program.length; at += 1) {
    const { code, operand, jumpTrue, jumpFalse } = program[at] as BpfInstruction;
    if (code === 0x20) word = seen.readUInt32LE(operand);
    else if (code === 0x06) return operand;
    else at += jumps(code, word, operand) ? jumpTrue : jumpFalse;
  }
  return assert.fail("the program ends without a verdict");
}

function jumps(code: number, word: number, operand: number): boolean {
  if (code === 0x15) return word === operand;
  if (code === 0x35) return word >= operand;
  assert.equal(code, 0x45, "an instruction the program may not hold");
  return (word & operand) !== 0;
}

for (const arch of ["x64", "arm64"] as const satisfies readonly SeccompArch[]) {
  describe(`seccomp program for ${arch}`, () => {
    const program = buildSeccompProgram({ arch, denyUncountedMemory: false });
    const ask = (number: number, ...values: number[]): number =>
      judge(program, { arch: AUDIT[arch], number, arguments: values });

    test("every call of the deny list is refused with EPERM", () => {
      for (const [name, numbers] of Object.entries(DENIED_CALLS)) {
        const number = numbers[arch];
        if (number !== undefined) assert.equal(ask(number), EPERM, name);
      }
    });

    test("clone3 and io_uring answer as if the kernel had none", () => {
      for (const numbers of Object.values(ABSENT_CALLS)) {
        assert.equal(ask(numbers[arch] ?? -1), ENOSYS);
      }
    });

    test("clone makes threads and processes but no namespace", () => {
      const threads = 0x003d0f00;
      const namespaces = [0x20000, 0x2000000, 0x4000000, 0x8000000];
      assert.equal(ask(FILTERED_CALLS.clone[arch], threads), ALLOW);
      assert.equal(ask(FILTERED_CALLS.clone[arch], 17), ALLOW);
      for (const flag of [...namespaces, 0x10000000, 0x20000000, 0x40000000]) {
        assert.equal(ask(FILTERED_CALLS.clone[arch], flag | 17), EPERM, flag.toString(16));
      }
    });

    test("sockets are local, IPv4, IPv6 or route netlink only", () => {
      for (const family of [1, 2, 10]) {
        assert.equal(ask(FILTERED_CALLS.socket[arch], family, 1, 0), ALLOW);
      }
      assert.equal(ask(FILTERED_CALLS.socket[arch], 16, 3, 0), ALLOW);
      assert.equal(ask(FILTERED_CALLS.socket[arch], 16, 3, 9), EAFNOSUPPORT);
      for (const family of [0, 17, 31, 38, 40, 44]) {
        assert.equal(ask(FILTERED_CALLS.socket[arch], family, 3, 0), EAFNOSUPPORT, `${family}`);
      }
    });

    test("terminal input cannot be faked, other ioctls pass", () => {
      assert.equal(ask(FILTERED_CALLS.ioctl[arch], 0, 0x5412), EPERM);
      assert.equal(ask(FILTERED_CALLS.ioctl[arch], 0, 0x541c), EPERM);
      assert.equal(ask(FILTERED_CALLS.ioctl[arch], 0, 0x5401), ALLOW);
    });

    test("the personality can be asked for but hardly changed", () => {
      assert.equal(ask(FILTERED_CALLS.personality[arch], 0xffffffff), ALLOW);
      assert.equal(ask(FILTERED_CALLS.personality[arch], 0x0040000), EPERM);
    });

    test("another architecture kills the process", () => {
      assert.equal(judge(program, { arch: AUDIT.i386, number: 20 }), KILL);
      const other = arch === "x64" ? AUDIT.arm64 : AUDIT.x64;
      assert.equal(judge(program, { arch: other, number: 0 }), KILL);
    });

    test("ordinary calls pass", () => {
      const ordinary = arch === "x64" ? [0, 1, 9, 59, 231, 257] : [63, 64, 222, 221, 94, 56];
      for (const number of ordinary) assert.equal(ask(number), ALLOW);
    });

    test("memory that polling cannot see is refused only where polling limits memory", () => {
      const strict = buildSeccompProgram({ arch, denyUncountedMemory: true });
      for (const numbers of Object.values(UNCOUNTED_MEMORY_CALLS)) {
        const call = { arch: AUDIT[arch], number: numbers[arch] ?? -1 };
        assert.equal(judge(program, call), ALLOW);
        assert.equal(judge(strict, call), EPERM);
      }
    });

    test("it fits the kernel's limits: 4096 instructions, jumps inside", () => {
      assert.ok(program.length <= 4096);
      program.forEach(({ jumpTrue, jumpFalse }, at) => {
        assert.ok(Math.max(jumpTrue, jumpFalse) <= 255);
        assert.ok(at + 1 + Math.max(jumpTrue, jumpFalse) < program.length || jumpTrue === 0);
      });
    });
  });
}

test("x32 numbers kill the process, the last number before them does not", () => {
  const program = buildSeccompProgram({ arch: "x64", denyUncountedMemory: false });
  assert.equal(judge(program, { arch: AUDIT.x64, number: 0x40000000 + 39 }), KILL);
  assert.equal(judge(program, { arch: AUDIT.x64, number: 0x3fffffff }), ALLOW);
});

test("an instruction is eight bytes: code, two jumps, operand", () => {
  const bytes = encodeSeccompProgram([
    { code: 0x15, jumpTrue: 1, jumpFalse: 2, operand: 0xc000003e },
  ]);
  assert.equal(bytes.toString("hex"), "150001023e0000c0");
});

test("only architectures with a table have a program", () => {
  assert.equal(seccompArchOf("x64"), "x64");
  assert.equal(seccompArchOf("arm64"), "arm64");
  assert.equal(seccompArchOf("riscv64"), null);
});

const HEADERS: Readonly<Record<SeccompArch, string>> = {
  x64: "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
  arm64: "/usr/include/asm-generic/unistd.h",
};
for (const [arch, header] of Object.entries(HEADERS)) {
  const skip = existsSync(header) ? false : `${header} is not installed`;
  test(`the numbers for ${arch} are those of the kernel's header`, { skip }, () => {
    const text = readFileSync(header, "utf8");
    const known = new Map(
      [...text.matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)/gm)].map(([, name, number]) => [
        name,
        Number(number),
      ]),
    );
    const tables = [DENIED_CALLS, ABSENT_CALLS, UNCOUNTED_MEMORY_CALLS, FILTERED_CALLS];
    const ours = tables.flatMap((table) => Object.entries(table));
    const compared = ours.filter(([name, numbers]) => {
      const number = (numbers as Partial<Record<string, number>>)[arch];
      if (number === undefined || !known.has(name)) return false;
      assert.equal(number, known.get(name), name);
      return true;
    });
    assert.ok(compared.length > 50, `only ${compared.length} names were found`);
  });
}
