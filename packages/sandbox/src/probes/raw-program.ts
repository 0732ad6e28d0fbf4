/**
 * Tiny x86-64 programs made of bare system calls, written byte by byte because a compiler is not
 * everywhere and Node itself cannot make most calls. Such a program needs no library and runs the
 * same inside and outside a sandbox.
 */
import { writeFileSync } from "node:fs";

/** A number, a pointer to a text, or the result of an earlier call of the same program. */
export type Argument = number | bigint | { readonly text: string } | { readonly resultOf: number };

export interface Call {
  readonly number: number;
  readonly arguments: readonly Argument[];
}

const LOAD_AT = 0x400000;
const HEADER_BYTES = 64 + 56;
/** Where results are stored, past any code. */
const RESULTS_AT = LOAD_AT + 0x8000;
const TEXTS_AT = LOAD_AT + 0x9000;
const MEMORY_BYTES = 0xb000;

const WRITE = 1;
const EXIT = 60;
/** `mov rdi|rsi|rdx|r10|r8|r9, rax`: the kernel's argument registers. */
const FROM_RAX = ["4889c7", "4889c6", "4889c2", "4989c2", "4989c0", "4989c1"];
const MOVE_TO_RAX = "48b8";
const LOAD_RAX = "48a1";
const STORE_RAX = "48a3";
const SYSCALL = "0f05";

/** Makes every call in turn, writes the results as 64-bit numbers to stdout, and exits. */
export function writeCallProgram(path: string, calls: readonly Call[]): void {
  const texts: Buffer[] = [];
  const place = (text: string): number => {
    const at = texts.reduce((sum, part) => sum + part.length, 0);
    texts.push(Buffer.from(`${text}\0`));
    return TEXTS_AT + at;
  };
  const code = calls.map((call, index) => {
    const stored = Buffer.concat([bytes(STORE_RAX), number64(RESULTS_AT + index * 8)]);
    return Buffer.concat([encodeCall(call, place), stored]);
  });
  const end = [
    { number: WRITE, arguments: [1, RESULTS_AT, calls.length * 8] },
    { number: EXIT, arguments: [0] },
  ].map((call) => encodeCall(call, place));
  writeProgram(path, Buffer.concat([...code, ...end]), Buffer.concat(texts));
}

/** Parses what a call program wrote. Negative numbers are errors: -1 is EPERM. */
export function parseResults(output: Buffer): readonly number[] {
  return Array.from({ length: Math.floor(output.length / 8) }, (_, index) =>
    Number(output.readBigInt64LE(index * 8)),
  );
}

/** Forks for ever, as fast as it can. Only under a process limit! */
export function writeForkBomb(path: string): void {
  // mov eax, 57 (fork); syscall; jmp back
  writeProgram(path, bytes("b8390000000f05ebf7"), Buffer.alloc(0));
}

/** Waits for ever. */
export function writeSleeper(path: string): void {
  // mov eax, 34 (pause); syscall; jmp back
  writeProgram(path, bytes("b8220000000f05ebf7"), Buffer.alloc(0));
}

/** Makes one call through the 32-bit gate: getpid by int 0x80; then exits with 0. */
export function writeOldGateProgram(path: string): void {
  const getpid = bytes("b814000000cd80");
  const exit = encodeCall({ number: EXIT, arguments: [0] }, () => 0);
  writeProgram(path, Buffer.concat([getpid, exit]), Buffer.alloc(0));
}

function encodeCall(call: Call, place: (text: string) => number): Buffer {
  const registers = call.arguments.map((argument, index) =>
    Buffer.concat([argumentToRax(argument, place), bytes(FROM_RAX[index] ?? "")]),
  );
  return Buffer.concat([...registers, bytes(MOVE_TO_RAX), number64(call.number), bytes(SYSCALL)]);
}

function argumentToRax(argument: Argument, place: (text: string) => number): Buffer {
  if (typeof argument !== "object") return Buffer.concat([bytes(MOVE_TO_RAX), number64(argument)]);
  if ("text" in argument) {
    return Buffer.concat([bytes(MOVE_TO_RAX), number64(place(argument.text))]);
  }
  return Buffer.concat([bytes(LOAD_RAX), number64(RESULTS_AT + argument.resultOf * 8)]);
}

/** elf(5): a 64-bit executable of one segment that may be read, written and run. */
function writeProgram(path: string, code: Buffer, texts: Buffer): void {
  const file = Buffer.alloc(TEXTS_AT - LOAD_AT + texts.length);
  bytes("7f454c460201010000000000000000000200 3e0001000000".replaceAll(" ", "")).copy(file);
  file.writeBigUInt64LE(BigInt(LOAD_AT + HEADER_BYTES), 24); // entry
  file.writeBigUInt64LE(64n, 32); // program headers
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(7, 68); // PF_R | PF_W | PF_X
  file.writeBigUInt64LE(BigInt(LOAD_AT), 80);
  file.writeBigUInt64LE(BigInt(LOAD_AT), 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(MEMORY_BYTES), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  code.copy(file, HEADER_BYTES);
  texts.copy(file, TEXTS_AT - LOAD_AT);
  writeFileSync(path, file, { mode: 0o755 });
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex, "hex");
}

function number64(value: number | bigint): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return out;
}
