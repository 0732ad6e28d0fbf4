/** What a key of the platform's configuration is called where it is set. */

/** The environment variable of a key: `apiPort` → `SKERRY_API_PORT`. */
export function envNameOf(key: string): string {
  return `SKERRY_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** The command-line flag of a key: `apiPort` → `--api-port`. */
export function flagOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
