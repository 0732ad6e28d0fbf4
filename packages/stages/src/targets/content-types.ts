/** What a file is, by the ending of its name; the types that browsers ask web servers for. */

const TEXT = "; charset=utf-8";
const TYPES: ReadonlyMap<string, string> = new Map([
  ["avif", "image/avif"],
  ["bmp", "image/bmp"],
  ["css", `text/css${TEXT}`],
  ["csv", `text/csv${TEXT}`],
  ["gif", "image/gif"],
  ["htm", `text/html${TEXT}`],
  ["html", `text/html${TEXT}`],
  ["ico", "image/x-icon"],
  ["jpeg", "image/jpeg"],
  ["jpg", "image/jpeg"],
  ["js", `text/javascript${TEXT}`],
  ["json", "application/json"],
  ["map", "application/json"],
  ["md", `text/markdown${TEXT}`],
  ["mjs", `text/javascript${TEXT}`],
  ["mp3", "audio/mpeg"],
  ["mp4", "video/mp4"],
  ["ogg", "audio/ogg"],
  ["otf", "font/otf"],
  ["pdf", "application/pdf"],
  ["png", "image/png"],
  ["svg", "image/svg+xml"],
  ["ttf", "font/ttf"],
  ["txt", `text/plain${TEXT}`],
  ["wasm", "application/wasm"],
  ["wav", "audio/wav"],
  ["webm", "video/webm"],
  ["webmanifest", "application/manifest+json"],
  ["webp", "image/webp"],
  ["woff", "font/woff"],
  ["woff2", "font/woff2"],
  ["xml", `application/xml${TEXT}`],
  ["zip", "application/zip"],
]);

export function contentTypeOf(path: string): string {
  const ending = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  return TYPES.get(ending) ?? "application/octet-stream";
}
