/** What of the machine a test needs and may do without. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Whether a program is there: by its path, or by a name that the shell would find. */
export function isInstalled(program: string): boolean {
  if (program.includes("/")) return existsSync(program);
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.some((folder) => existsSync(join(folder, program)));
}
