/** `runtime.json`: what makes a folder the runtime of a language. */
export interface LanguageManifest {
  readonly format: 1;
  /** As `runtime` in a function's configuration names it. */
  readonly name: string;
  /** As people call it. */
  readonly title: string;
  /** Absolute paths at which the interpreter may be; the first that is new enough is taken. */
  readonly programs: readonly string[];
  readonly versionArguments: readonly string[];
  readonly versionMin: string;
  /** Command that installs the interpreter. */
  readonly install: string;
  /**
   * Arguments of the interpreter; `{runtime}` stands for the folder as the process sees it. The
   * argument that says what to warm up for follows.
   */
  readonly arguments: readonly string[];
  /**
   * Arguments with which the interpreter once compiles `{runtime}` after it was laid down, since
   * instances cannot write there. When that fails, starts are slower.
   */
  readonly prepare?: readonly string[];
  /** Files that the handler is looked for in when the configuration names none. */
  readonly entries: readonly string[];
  /** What of a system the sandbox needs. */
  readonly system: "minimal" | "host";
  /** False for one that opens its link at once, whatever it is told to warm up for. */
  readonly warms: boolean;
}

/** What PHP says on stderr when its memory limit is reached; it then ends with code 255. */
export const PHP_OUT_OF_MEMORY_TEXT = "PHP Fatal error:  Allowed memory size";
