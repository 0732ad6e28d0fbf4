/**
 * PHP's settings of this machine, as programs in a sandbox may see them: which extensions to load,
 * and how the language behaves. `/etc/php` also holds what is nobody's business there, such as the
 * pools of php-fpm and the passwords of databases and monitors, so that nothing of it is mounted:
 * only settings that are known to hold no secret are copied, by name.
 */
import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const ROOT = "/etc/php";
const FILES_MAX = 500;
const FILE_BYTES_MAX = 256 << 10;
const VERSION = /^\d+\.\d+$/;
const SETTINGS_FILE = /^[\w.-]+\.ini$/;

const HARMLESS = new RegExp(
  `^(?:${[
    ...["extension", "zend_extension", "extension_dir", "enable_dl", "phar\\.readonly"],
    ...["short_open_tag", "precision", "serialize_precision", "default_charset", "date\\.timezone"],
    ...["zend\\.\\w+", "assert\\.\\w+", "opcache\\.\\w+", "mbstring\\.\\w+", "pcre\\.\\w+"],
    ...["error_reporting", "display_errors", "display_startup_errors", "log_errors", "html_errors"],
    ...["ignore_repeated_\\w+", "output_buffering", "implicit_flush", "variables_order"],
    ...["request_order", "memory_limit", "max_execution_time", "default_socket_timeout"],
    "allow_url_\\w+",
  ].join("|")})$`,
);

/** The lines of an ini file that say nothing but such settings. Pure. */
export function harmlessSettings(text: string): string {
  const kept = text.split(/\r?\n/).filter((line) => {
    const name = /^\s*([\w.]+)\s*=/.exec(line)?.[1];
    return name !== undefined && HARMLESS.test(name);
  });
  return kept.map((line) => `${line}\n`).join("");
}

/** Paths and texts of the command line's settings. What cannot be read is left out. */
export function readPhpSettings(root = ROOT): Readonly<Record<string, string>> {
  const settings: Record<string, string> = {};
  const versions = namesIn(root).filter((name) => VERSION.test(name));
  const files = versions.flatMap((version) => {
    const cli = join(root, version, "cli");
    return [join(cli, "php.ini"), ...namesIn(join(cli, "conf.d")).map(iniIn(join(cli, "conf.d")))];
  });
  for (const path of files.slice(0, FILES_MAX)) {
    const text = readSmall(path);
    if (text !== undefined) settings[path.replace(root, ROOT)] = harmlessSettings(text);
  }
  return settings;
}

const iniIn =
  (directory: string) =>
  (name: string): string =>
    join(directory, SETTINGS_FILE.test(name) ? name : "");

function namesIn(directory: string): readonly string[] {
  try {
    return lstatSync(directory).isDirectory() ? readdirSync(directory).toSorted() : [];
  } catch {
    return [];
  }
}

function readSmall(path: string): string | undefined {
  try {
    const found = statSync(path);
    if (!found.isFile() || found.size > FILE_BYTES_MAX) return undefined;
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
