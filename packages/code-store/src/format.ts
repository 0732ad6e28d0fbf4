import { chmod, mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { FOLDER_MODE, removeTree, syncFolder, writeDurably } from "./durable.ts";
import { failCode, isErrno } from "./errors.ts";

const FORMAT_FILE = "format.json";
const FORMAT = { format: "skerry-code-store", version: 1 };

/**
 * Makes sure that `directory` is a store of this format, making a new one where there is nothing. A
 * folder with other content, or a store of another version, is left alone and refused with
 * CODE_STORE_FORMAT. `token` must be fresh.
 */
export async function claimDirectory(directory: string, token: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: FOLDER_MODE });
  if (first !== undefined) await chmod(directory, FOLDER_MODE);
  const found = await readFormat(directory);
  if (found !== undefined) return checkFormat(directory, found);
  const draft = join(directory, `${FORMAT_FILE}.${token}`);
  const strangers = (await readdir(directory)).filter((name) => !name.startsWith(FORMAT_FILE));
  if (strangers.length > 0) {
    // Another process may have claimed it since, and begun to fill it.
    const claimed = await readFormat(directory);
    if (claimed !== undefined) return checkFormat(directory, claimed);
    throw failCode("CODE_STORE_FORMAT", { path: directory, found: "a folder with other content" });
  }
  try {
    await writeDurably(draft, `${JSON.stringify(FORMAT)}\n`);
    await rename(draft, join(directory, FORMAT_FILE));
  } catch (error) {
    await removeTree(draft);
    throw error;
  }
  await syncFolder(directory);
}

async function readFormat(directory: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, FORMAT_FILE), "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function checkFormat(directory: string, found: string): void {
  const refuse = (cause?: unknown): never => {
    const details = { path: directory, found: found.trim().slice(0, 120) };
    throw failCode("CODE_STORE_FORMAT", details, cause);
  };
  try {
    const { format, version } = JSON.parse(found) as Partial<typeof FORMAT>;
    if (format !== FORMAT.format || version !== FORMAT.version) refuse();
  } catch (error) {
    refuse(error);
  }
}
