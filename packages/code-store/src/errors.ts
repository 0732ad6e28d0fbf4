/**
 * Why the code store refuses. Reasons that begin with ARCHIVE_ are about an upload and are the
 * uploader's to mend; reasons that begin with CODE_ are about the store itself.
 */
import { defineReasons, PlatformError, type ErrorDetails, type ReasonSpec } from "@skerry/base";

const REPACK = "Pack the folder again with the platform's own deploy command and upload that.";
const RENAME = "Rename the file and pack again.";

const refused = (message: string, hint: string): ReasonSpec => ({
  code: "INVALID_ARGUMENT",
  message,
  hint,
  retryable: false,
  audience: "user",
});

const tooLarge = (message: string, hint: string): ReasonSpec => ({
  ...refused(message, hint),
  code: "RESOURCE_EXHAUSTED",
  httpStatus: 413,
});

const PATHS = {
  ARCHIVE_PATH_TRAVERSAL: refused('"{path}" leaves the folder by a ".." part.', RENAME),
  ARCHIVE_PATH_ABSOLUTE: refused('"{path}" is an absolute path.', REPACK),
  ARCHIVE_PATH_DRIVE: refused('"{path}" begins with a drive letter.', REPACK),
  ARCHIVE_PATH_BACKSLASH: refused(
    '"{path}" has a backslash in it; parts are joined with "/".',
    REPACK,
  ),
  ARCHIVE_PATH_CONTROL: refused(
    "{path} has a control, formatting or line-breaking character in it.",
    RENAME,
  ),
  ARCHIVE_PATH_ENCODING: refused("The name with the bytes {path} is not valid UTF-8.", RENAME),
  ARCHIVE_PATH_SEGMENT: refused(
    '"{path}" has an empty or "." part, or one that ends in a dot or space.',
    RENAME,
  ),
  ARCHIVE_PATH_RESERVED: refused(
    '"{path}" uses a name that some systems reserve for a device.',
    "Rename the file, so that the package unpacks on every system, and pack again.",
  ),
  ARCHIVE_PATH_TOO_LONG: refused(
    'A path of {bytes} bytes is longer than allowed ({bytesMax} bytes): "{path}".',
    "Shorten the names on the way to this file.",
  ),
  ARCHIVE_PATH_TOO_DEEP: refused(
    '"{path}" lies {depth} levels deep; {depthMax} are allowed.',
    "Flatten the folders on the way to this file.",
  ),
  ARCHIVE_PATH_DUPLICATE: refused('"{path}" is in the archive twice.', REPACK),
  ARCHIVE_PATH_CASE_COLLISION: refused(
    '"{path}" and "{other}" differ only in upper and lower case.',
    RENAME,
  ),
  ARCHIVE_PATH_UNICODE_COLLISION: refused(
    '"{path}" and "{other}" are the same name in two Unicode spellings.',
    RENAME,
  ),
  ARCHIVE_PATH_KIND_CONFLICT: refused('"{path}" would be both a file and a folder.', REPACK),
} as const;

const ENTRIES = {
  ARCHIVE_LINK: refused(
    '"{path}" is a link; a package holds files only.',
    "Replace the link by the file it points to.",
  ),
  ARCHIVE_SPECIAL_FILE: refused(
    '"{path}" is a device, pipe or socket.',
    "Leave it out of the package.",
  ),
  ARCHIVE_SETUID: refused(
    '"{path}" asks to run as another user or group (setuid, setgid).',
    "Remove that bit (chmod ug-s).",
  ),
  ARCHIVE_ENCRYPTED: refused('"{path}" is encrypted.', "Pack without a password."),
  ARCHIVE_METHOD_UNKNOWN: refused(
    '"{path}" is packed by method {method}; only stored (0) and deflated (8) are read.',
    REPACK,
  ),
  ARCHIVE_HEADERS_DISAGREE: refused(
    'The archive describes "{path}" in two places that contradict each other ({field}).',
    REPACK,
  ),
  ARCHIVE_SIZE_LIE: refused('"{path}" does not unpack to the {bytes} bytes it declares.', REPACK),
  ARCHIVE_CHECKSUM_MISMATCH: refused(
    'The content of "{path}" does not match its checksum.',
    "Upload again; if it fails again, pack again.",
  ),
  ARCHIVE_CONTENT_BROKEN: refused('The packed content of "{path}" cannot be unpacked.', REPACK),
  ARCHIVE_RATIO: refused(
    '"{path}" unpacks to {ratio} times its packed size; {ratioMax} is the most allowed.',
    "Leave out generated files that hold almost nothing.",
  ),
} as const;

const STRUCTURE = {
  ARCHIVE_NOT_ZIP: refused("The upload is not a zip archive.", REPACK),
  ARCHIVE_EMPTY: refused("The archive holds no file.", "Check the folder that was packed."),
  ARCHIVE_TRUNCATED: refused("The archive ends too early.", "Upload it again."),
  ARCHIVE_BROKEN: refused("The archive's directory cannot be read.", REPACK),
  ARCHIVE_AMBIGUOUS: refused(
    "The archive has more than one end record, so that it can be read in two ways.",
    REPACK,
  ),
  ARCHIVE_STRAY_BYTES: refused("The archive has bytes that belong to no file ({where}).", REPACK),
  ARCHIVE_DIRECTORY_LIE: refused("The archive's directory contradicts itself ({field}).", REPACK),
  ARCHIVE_OVERLAP: refused('"{path}" shares packed bytes with another entry.', REPACK),
  ARCHIVE_TOO_LARGE: tooLarge(
    "The archive is larger than {bytesMax} bytes.",
    "Leave out what the code does not need.",
  ),
  ARCHIVE_FILE_TOO_LARGE: tooLarge(
    '"{path}" unpacks to {bytes} bytes; one file may have {bytesMax}.',
    "Leave the file out, or fetch it when the code runs.",
  ),
  ARCHIVE_TOTAL_TOO_LARGE: tooLarge(
    "The archive unpacks to more than {bytesMax} bytes.",
    "Leave out what the code does not need.",
  ),
  ARCHIVE_ENTRIES_TOO_MANY: tooLarge(
    "The archive has {entries} entries; {entriesMax} are allowed.",
    "Bundle the code, or leave out what it does not need.",
  ),
} as const;

const CODE = {
  CODE_UPLOAD_BROKEN: {
    code: "ABORTED",
    message: "The upload ended before all of it had arrived.",
    hint: "Upload again.",
    retryable: true,
    audience: "user",
  },
  CODE_DIGEST_MISMATCH: refused(
    "The uploaded source has the digest {actual}, not {expected}.",
    "The folder changed while it was packed; deploy again.",
  ),
  CODE_NAME_INVALID: refused(
    '"{name}" is neither a source digest nor an artefact key.',
    "A source digest is src_ and 64 hexadecimal digits, an artefact key art_ and 64.",
  ),
  CODE_TARGET_EXISTS: {
    code: "ALREADY_EXISTS",
    message: "{path} is there already.",
    hint: "Unpack into a path that does not exist yet.",
    retryable: false,
    audience: "operator",
  },
  CODE_ARTEFACT_REFUSED: {
    code: "FAILED_PRECONDITION",
    message: 'The build left "{path}", which is not a plain file or folder of its own ({kind}).',
    hint: "A build must leave regular files only, each with a single name.",
    retryable: false,
    audience: "user",
  },
  CODE_ARTEFACT_TOO_LARGE: tooLarge(
    "The build left more than {bytesMax} bytes or {filesMax} files.",
    "Leave out what the code does not need.",
  ),
  CODE_STORE_FULL: {
    code: "RESOURCE_EXHAUSTED",
    message: "The disk that holds code packages is full, so nothing was stored.",
    hint: "Free space on that disk, or remove functions nobody uses: their code goes a day later.",
    retryable: true,
    audience: "user",
    httpStatus: 507,
  },
  CODE_STORE_IO: {
    code: "UNAVAILABLE",
    message: "The disk that holds code packages failed ({errno}).",
    hint: "Look at the kernel's log and the permissions of the data directory.",
    retryable: true,
    audience: "operator",
  },
  CODE_STORE_FORMAT: {
    code: "FAILED_PRECONDITION",
    message: "{path} is not a code store this release can open: {found}.",
    hint: "Point the platform at its own data directory, or run the release that wrote it.",
    retryable: false,
    audience: "operator",
  },
  CODE_STORE_DAMAGED: {
    code: "DATA_LOSS",
    message: "The stored package {name} is damaged.",
    hint: "Remove it and deploy its source again.",
    retryable: false,
    audience: "operator",
  },
} as const satisfies Record<string, ReasonSpec>;

const ARCHIVE = { ...PATHS, ...ENTRIES, ...STRUCTURE } as const;

/** Why an archive was refused. */
export type ArchiveReason = keyof typeof ARCHIVE;

/** The package's only error constructor. */
export const failCode = defineReasons({ ...ARCHIVE, ...CODE });

/**
 * Throws the reason, or returns where the check may be passed over. Callers must be sound in both
 * cases.
 */
export type Refuse = (reason: ArchiveReason, details: ErrorDetails) => void;

interface SystemError {
  readonly code: string;
  readonly syscall: string;
}

function isSystemError(error: unknown): error is SystemError {
  const candidate = error as Partial<SystemError> | null | undefined;
  return typeof candidate?.code === "string" && typeof candidate.syscall === "string";
}

/** True for the operating system's own ways to say that there is no room. */
export function isNoSpace(error: unknown): boolean {
  return isSystemError(error) && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

/** True when a file system call failed with one of the given error names, for example `EEXIST`. */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return isSystemError(error) && codes.includes(error.code);
}

/**
 * Turns a failed file system call into CODE_STORE_FULL or CODE_STORE_IO; anything else is returned
 * as it is.
 */
export function asStoreError(error: unknown): unknown {
  if (PlatformError.is(error) || !isSystemError(error)) return error;
  if (isNoSpace(error)) return failCode("CODE_STORE_FULL", {}, error);
  return failCode("CODE_STORE_IO", { errno: error.code }, error);
}

/** Runs one step of the store's own and converts what its file system calls throw. */
export async function storing<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw asStoreError(error);
  }
}
