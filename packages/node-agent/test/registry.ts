/**
 * Package registries of a few lines, for builds that must not leave the machine: npm's, pip's and
 * Composer's protocols, as far as an install of one small package asks. A build's connections to
 * any host end here.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { OpenedStream, StreamHandler } from "@skerry/link";
import { zipOf, type SourceFiles } from "./zip.ts";

const run = promisify(execFile);
/** A name that exists nowhere: whoever reaches it was led here. */
export const REGISTRY_HOST = "packages.test";

export class Registry {
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  readonly #files = new Map<string, Buffer>();
  readonly #locked: object[] = [];
  readonly #server: Server;
  #port = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "/", `http://${REGISTRY_HOST}`);
      this.asked.push(pathname);
      const bytes = this.#files.get(pathname);
      const type = pathname.startsWith("/simple/") ? "text/html" : "application/octet-stream";
      response.writeHead(bytes === undefined ? 404 : 200, { "content-type": type }).end(bytes);
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Offers an npm package; commands of its `bin` are installed as npm does. */
  async addNpm(name: string, files: SourceFiles): Promise<void> {
    const manifest = JSON.parse(files["package.json"] ?? "{}") as { readonly version: string };
    const tarball = await tarballOf(files);
    const path = `/${name}/-/${name}.tgz`;
    const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
    const dist = { tarball: `http://${REGISTRY_HOST}${path}`, integrity };
    const versions = { [manifest.version]: { ...manifest, name, dist } };
    const document = { name, versions, "dist-tags": { latest: manifest.version } };
    this.#files.set(`/${name}`, Buffer.from(JSON.stringify(document)));
    this.#files.set(path, tarball);
  }

  /** Offers a Python package of one module. */
  addPip(name: string, module: string): void {
    const info = `${name}-1.0.dist-info`;
    const wheel = zipOf({
      [`${name}.py`]: module,
      [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`,
      [`${info}/WHEEL`]: "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
      [`${info}/RECORD`]: `${name}.py,,\n${info}/METADATA,,\n${info}/WHEEL,,\n${info}/RECORD,,\n`,
    });
    const file = `${name}-1.0-py3-none-any.whl`;
    this.#files.set(`/simple/${name}/`, Buffer.from(`<a href="/wheels/${file}">${file}</a>`));
    this.#files.set(`/wheels/${file}`, wheel);
  }

  /**
   * Offers Composer packages `vendor/name`, each with one version: the root file, and metadata of
   * each package (https://getcomposer.org/doc/05-repositories.md, "metadata-url").
   */
  addComposer(packages: Readonly<Record<string, SourceFiles>>): void {
    const root = { packages: [], "metadata-url": "/p2/%package%.json" };
    this.#files.set("/packages.json", Buffer.from(JSON.stringify(root)));
    for (const [name, files] of Object.entries(packages)) {
      const manifest = JSON.parse(files["composer.json"] ?? "{}") as { readonly version: string };
      const archive = zipOf(files);
      const path = `/dist/${name}.zip`;
      const shasum = createHash("sha1").update(archive).digest("hex");
      const dist = { type: "zip", url: `http://${REGISTRY_HOST}${path}`, reference: "1", shasum };
      const version = { ...manifest, name, version_normalized: `${manifest.version}.0`, dist };
      const document = { packages: { [name]: [version] }, minified: "composer/2.0" };
      this.#files.set(`/p2/${name}.json`, Buffer.from(JSON.stringify(document)));
      const unstable = { packages: { [name]: [] }, minified: "composer/2.0" };
      this.#files.set(`/p2/${name}~dev.json`, Buffer.from(JSON.stringify(unstable)));
      this.#files.set(path, archive);
      this.#locked.push(version);
    }
  }

  /** A lock file of all Composer packages there are, as `composer update` writes it. */
  get composerLock(): string {
    const flags = { aliases: [], "minimum-stability": "stable", "stability-flags": [] };
    const preferences = { "prefer-stable": false, "prefer-lowest": false, platform: [] };
    const packages = { packages: this.#locked, "packages-dev": [] };
    return JSON.stringify({ "content-hash": "0", ...packages, ...flags, ...preferences });
  }

  /** Joins what a build asks for to this server, whatever host it names. */
  readonly network = ({ stream, body }: OpenedStream): StreamHandler => {
    const socket = connect({ port: this.#port, host: "127.0.0.1", allowHalfOpen: true });
    stream.reply('{"ok":true}');
    socket.on("data", (chunk: Buffer) => void stream.write(chunk));
    socket.on("end", () => stream.end());
    socket.on("error", () => stream.cancel("the registry is gone"));
    if (body.length > 0) socket.write(body);
    return {
      onReply: () => undefined,
      onBody: (chunk, end) => {
        if (chunk.length > 0) socket.write(chunk);
        stream.grant(chunk.length);
        if (end) socket.end();
      },
      onWritable: () => undefined,
      onFailed: () => void socket.destroy(),
    };
  };
}

async function tarballOf(files: SourceFiles): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "skerry-tarball-"));
  try {
    mkdirSync(join(folder, "package"));
    for (const [path, text] of Object.entries(files)) {
      writeFileSync(join(folder, "package", path), text);
    }
    await run("tar", ["-czf", "package.tgz", "package"], { cwd: folder });
    return readFileSync(join(folder, "package.tgz"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
