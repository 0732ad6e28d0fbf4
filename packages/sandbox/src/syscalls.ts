/**
 * System call numbers, from the kernel's `arch/x86/entry/syscalls/syscall_64.tbl` and
 * `include/uapi/asm-generic/unistd.h` (aarch64). A test compares them with the host's own headers
 * where those are installed. Calls that an architecture lacks are absent from its column.
 */
export type SeccompArch = "x64" | "arm64";

type Numbers = Readonly<Partial<Record<SeccompArch, number>>>;
const both = (number: number): Numbers => ({ x64: number, arm64: number });

/** Refused with EPERM: nothing a function does needs them. */
export const DENIED_CALLS: Readonly<Record<string, Numbers>> = {
  mount: { x64: 165, arm64: 40 },
  umount2: { x64: 166, arm64: 39 },
  pivot_root: { x64: 155, arm64: 41 },
  chroot: { x64: 161, arm64: 51 },
  move_mount: both(429),
  open_tree: both(428),
  fsopen: both(430),
  fsconfig: both(431),
  fsmount: both(432),
  fspick: both(433),
  mount_setattr: both(442),
  open_tree_attr: both(467),
  unshare: { x64: 272, arm64: 97 },
  setns: { x64: 308, arm64: 268 },
  bpf: { x64: 321, arm64: 280 },
  perf_event_open: { x64: 298, arm64: 241 },
  userfaultfd: { x64: 323, arm64: 282 },
  keyctl: { x64: 250, arm64: 219 },
  add_key: { x64: 248, arm64: 217 },
  request_key: { x64: 249, arm64: 218 },
  ptrace: { x64: 101, arm64: 117 },
  process_vm_readv: { x64: 310, arm64: 270 },
  process_vm_writev: { x64: 311, arm64: 271 },
  process_madvise: both(440),
  kcmp: { x64: 312, arm64: 272 },
  pidfd_getfd: both(438),
  kexec_load: { x64: 246, arm64: 104 },
  kexec_file_load: { x64: 320, arm64: 294 },
  create_module: { x64: 174 },
  init_module: { x64: 175, arm64: 105 },
  finit_module: { x64: 313, arm64: 273 },
  delete_module: { x64: 176, arm64: 106 },
  get_kernel_syms: { x64: 177 },
  query_module: { x64: 178 },
  reboot: { x64: 169, arm64: 142 },
  swapon: { x64: 167, arm64: 224 },
  swapoff: { x64: 168, arm64: 225 },
  acct: { x64: 163, arm64: 89 },
  quotactl: { x64: 179, arm64: 60 },
  quotactl_fd: both(443),
  syslog: { x64: 103, arm64: 116 },
  settimeofday: { x64: 164, arm64: 170 },
  clock_settime: { x64: 227, arm64: 112 },
  clock_adjtime: { x64: 305, arm64: 266 },
  adjtimex: { x64: 159, arm64: 171 },
  open_by_handle_at: { x64: 304, arm64: 265 },
  name_to_handle_at: { x64: 303, arm64: 264 },
  iopl: { x64: 172 },
  ioperm: { x64: 173 },
  modify_ldt: { x64: 154 },
  vmsplice: { x64: 278, arm64: 75 },
  lookup_dcookie: { x64: 212, arm64: 18 },
  fanotify_init: { x64: 300, arm64: 262 },
  fanotify_mark: { x64: 301, arm64: 263 },
  sethostname: { x64: 170, arm64: 161 },
  setdomainname: { x64: 171, arm64: 162 },
  vhangup: { x64: 153, arm64: 58 },
  uselib: { x64: 134 },
  _sysctl: { x64: 156 },
  nfsservctl: { x64: 180, arm64: 42 },
  ustat: { x64: 136 },
  sysfs: { x64: 139 },
  migrate_pages: { x64: 256, arm64: 238 },
  move_pages: { x64: 279, arm64: 239 },
  memfd_secret: { x64: 447, arm64: 447 },
};

/** Answered with ENOSYS, so that libraries take their older path: clone3's flags lie in memory. */
export const ABSENT_CALLS: Readonly<Record<string, Numbers>> = {
  clone3: both(435),
  io_uring_setup: both(425),
  io_uring_enter: both(426),
  io_uring_register: both(427),
};

/** Memory that no process's resident size shows; refused where memory is limited by polling. */
export const UNCOUNTED_MEMORY_CALLS: Readonly<Record<string, Numbers>> = {
  memfd_create: { x64: 319, arm64: 279 },
  shmget: { x64: 29, arm64: 194 },
};

/** Calls whose arguments decide. */
export const FILTERED_CALLS = {
  clone: { x64: 56, arm64: 220 },
  socket: { x64: 41, arm64: 198 },
  ioctl: { x64: 16, arm64: 29 },
  personality: { x64: 135, arm64: 92 },
} as const satisfies Readonly<Record<string, Readonly<Record<SeccompArch, number>>>>;
