/**
 * The single walls of the bubblewrap rung, each of which tests can take away to prove that its
 * probe bites. Nothing outside this package's tests may name a protection to drop: the driver's
 * options have no such field.
 */
export const PROTECTIONS = [
  "ownUid",
  "nestedUserNamespaces",
  "capabilities",
  "seccomp",
  "pidNamespace",
  "networkNamespace",
  "ipcNamespace",
  "utsNamespace",
  "cgroupNamespace",
  "cleanEnvironment",
  "hostFiles",
  "readOnlyMounts",
  "readOnlyRoot",
  "temporarySize",
  "descriptors",
  "openFilesLimit",
  "coreLimit",
  "memoryLimit",
  "processLimit",
  "systemDirectory",
  "ownTemporary",
  "ownDevices",
  "kernelFiles",
] as const;

export type Protection = (typeof PROTECTIONS)[number];
export type Weakened = ReadonlySet<Protection>;

/** Every wall stands: what the driver always uses. */
export const NOTHING_WEAKENED: Weakened = new Set<Protection>();
