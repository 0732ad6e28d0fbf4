/**
 * What a probe run brings home: what was reported from inside, and what the host saw of the same
 * run. Error codes stand where a thing could not be done; `ok` where it could.
 */
import type { SandboxLevel, SandboxLimits } from "../ports.ts";
import { parseResults } from "./raw-program.ts";

/** What a probed sandbox is told to try; it answers each with the part of the same name. */
export type Asked =
  | {
      readonly part: "look";
      /** Where it sees the files of `writeProbeFiles`. */
      readonly directory: string;
      readonly tmpBytes: number;
      readonly host: {
        readonly pid: number;
        /** A file that anyone on the host may read. */
        readonly file: string;
        /** Of a listener of the platform's own. */
        readonly port: number;
        readonly abstractName: string;
      };
      readonly neighbour: {
        readonly pid: number;
        readonly port: number;
        /** A file of the neighbour's directory, as the host names it. */
        readonly file: string;
        readonly mark: string;
      };
    }
  | { readonly part: "fork"; readonly directory: string; readonly count: number }
  | { readonly part: "memory"; readonly bytes: number; readonly holdMs: number }
  /** Leaves a file and listeners of this name and stays alive. */
  | { readonly part: "neighbour"; readonly mark: string }
  /** Writes what is no frame of any protocol to the link. */
  | { readonly part: "forge" };

export interface ProgramEnd {
  readonly status: number | null;
  readonly signal: string | null;
  /** Hexadecimal. */
  readonly output: string;
}

export interface LookReport {
  readonly self: Readonly<Record<string, string>>;
  readonly init: Readonly<Record<string, string>>;
  readonly namespaces: Readonly<Record<string, string>>;
  readonly cgroups: string;
  readonly hostname: string;
  readonly devices: readonly string[];
  readonly kernelFiles: readonly string[];
  readonly sys: boolean;
  readonly programs: readonly string[];
  readonly limits: string;
  /** Environments of every process in sight. */
  readonly visibleTexts: string;
  readonly network: {
    readonly interfaces: readonly string[];
    readonly hostLoopback: string;
    readonly hostAbstract: string;
    readonly neighbourLoopback: string;
    readonly neighbourAbstract: string;
    readonly neighbourSocket: string;
    /** What the kernel says of a way to each address of `ROUTES`; nothing is sent. */
    readonly routes: Routes;
    /** The kernel's tables of TCP listeners and local sockets. */
    readonly tables: string;
  };
  readonly hostProcess: { readonly signal: string; readonly seen: boolean };
  readonly neighbourProcess: {
    readonly signal: string;
    readonly link: string;
    readonly file: string;
  };
  readonly reads: Readonly<
    Record<"hostFile" | "neighbourFile" | "neighbourTmp" | "shadow" | "rootOwned", string>
  >;
  /** The same where a whole host would be mounted. */
  readonly readsBelowHost: Readonly<Record<"hostFile" | "neighbourFile" | "shadow", string>>;
  readonly writes: Readonly<Record<"code" | "usr" | "top" | "dev" | "shm" | "etc" | "tmp", string>>;
  readonly temporary: string;
  readonly files: { readonly count: number; readonly error: string };
  /** Absent where there are no machine programs. */
  readonly programEnds?: Readonly<Record<"calls" | "mounting" | "oldGate" | "x32", ProgramEnd>>;
}

export interface Report extends LookReport {
  readonly forks?: {
    readonly tried: number;
    readonly started: number;
    /** Codes of the starts that failed. */
    readonly errors: readonly string[];
  };
  /** Bytes; missing when it did not survive the meal. */
  readonly eaten?: number;
}

export type Routes = Readonly<Record<keyof typeof ROUTES, readonly string[]>>;

/** Addresses that nothing inside may have a way to. */
export const ROUTES = {
  metadata: [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
  ],
  private: ["10.0.0.1", "172.17.0.1", "192.168.0.1", "fd00::1"],
  public: ["1.1.1.1", "2606:4700:4700::1111"],
} as const;

/** Opened for writing by the host's root they rule the kernel. Opening them changes nothing. */
export const KERNEL_FILES: readonly string[] = [
  "/proc/sys/kernel/core_pattern",
  "/proc/sys/kernel/modprobe",
  "/proc/sysrq-trigger",
  "/proc/kcore",
];

export const NAMESPACES = ["user", "pid", "net", "ipc", "uts", "mnt", "cgroup"] as const;

/** What the host saw of the same run. */
export interface HostView {
  readonly pid: number;
  readonly uidOfDriver: number;
  readonly uidOfSandbox: number | null;
  readonly uidOfNeighbour: number | null;
  /** Kernel uids of all processes of the tree. */
  readonly uidsOfTree: readonly number[];
  readonly namespaces: Readonly<Record<string, string>>;
  readonly kernelFiles: readonly string[];
  readonly routes: Routes;
  /** Names of the platform's own variables. */
  readonly environment: readonly string[];
  readonly port: number;
  readonly abstractName: string;
  /** Descriptors that a bare command holds: Node itself would close some of them. */
  readonly descriptors: readonly number[];
  readonly exit: { readonly reason: string; readonly oomKilled: boolean };
}

export interface Evidence {
  readonly level: SandboxLevel;
  readonly limits: Pick<SandboxLimits, "processesMax" | "openFilesMax">;
  readonly report: Report;
  readonly host: HostView;
}

/** Results of a call program's run; empty when it did not run. */
export function resultsOf(end: ProgramEnd | undefined): readonly number[] {
  return end === undefined ? [] : parseResults(Buffer.from(end.output, "hex"));
}
