/** The sockets on which a gateway takes requests: plain, and for TLS where there is one. */
import type { ServerResponse } from "node:http";
import { assert, type Cancel, type Log } from "@skerry/base";
import type { DomainEntry } from "@skerry/contracts";
import {
  serveHttp,
  type HttpLimits,
  type HttpServer,
  type HttpServerDeps,
  type HttpServerOptions,
  type ListenTarget,
  type PemIdentity,
  type TicketKeys,
} from "@skerry/http";
import { followCertificateFiles, type CertificateFiles } from "./certificate-files.ts";
import { Certificates } from "./certificates.ts";
import { HttpsOnly } from "./https-only.ts";

/** How TLS is answered. */
export interface TlsListening {
  readonly listen: ListenTarget;
  /** Where clients reach it. */
  readonly publicPort: number;
  /** Of the certificate for hosts that are no domain with one of its own. */
  readonly files?: CertificateFiles;
  /** The gateways of a platform share them, so that each takes up sessions of the others. */
  readonly ticketKeys?: TicketKeys;
  /** The private key of a domain's certificate, PEM. */
  readonly openKey: (domain: DomainEntry) => Promise<string>;
}

export interface ListenersOptions {
  readonly listen: ListenTarget;
  readonly limits?: Partial<HttpLimits>;
  /** Without it, plain HTTP alone. */
  readonly tls?: TlsListening;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #certificates: Certificates | undefined;
  readonly #httpsOnly: HttpsOnly | undefined;
  #plain: HttpServer | undefined;
  #secure: HttpServer | undefined;
  #cancelFiles: Cancel = () => undefined;

  constructor(log: Log, options: ListenersOptions) {
    this.#options = options;
    const { tls } = options;
    if (tls === undefined) return;
    this.#certificates = new Certificates({ log, openKey: tls.openKey });
    this.#httpsOnly = new HttpsOnly(tls.publicPort);
  }

  get port(): number | undefined {
    return this.#plain?.port;
  }

  get tlsPort(): number | undefined {
    return this.#secure?.port;
  }

  get connections(): number {
    return (this.#plain?.connections ?? 0) + (this.#secure?.connections ?? 0);
  }

  /** Brings certificates and redirects in line with the domains that there are. */
  update(domains: readonly DomainEntry[]): void {
    this.#certificates?.update(domains);
    this.#httpsOnly?.update(domains);
  }

  /** Rejects with LISTEN_FAILED. */
  async listen(deps: HttpServerDeps): Promise<void> {
    const { listen, tls } = this.#options;
    if (tls !== undefined) this.#secure = await this.#listenForTls(deps, tls);
    this.#plain = await serveHttp(this.#orRedirect(deps), this.#serving(listen));
  }

  *awaiting(): Iterable<ServerResponse | undefined> {
    yield* this.#plain?.awaiting() ?? [];
    yield* this.#secure?.awaiting() ?? [];
  }

  async drain(options: { readonly deadlineMs: number }): Promise<void> {
    this.#cancelFiles();
    await Promise.all([this.#plain?.drain(options), this.#secure?.drain(options)]);
  }

  async #listenForTls(deps: HttpServerDeps, tls: TlsListening): Promise<HttpServer> {
    const identities = this.#certificates;
    assert(identities !== undefined, "whoever answers TLS has certificates");
    if (tls.files !== undefined) {
      const { clock, log } = deps;
      const follow = { clock, log, take: (pem: PemIdentity) => void (identities.own = pem) };
      this.#cancelFiles = await followCertificateFiles(follow, tls.files);
    }
    const tickets = tls.ticketKeys === undefined ? {} : { ticketKeys: tls.ticketKeys };
    return await serveHttp(deps, { ...this.#serving(tls.listen), tls: { identities, ...tickets } });
  }

  #serving(listen: ListenTarget): HttpServerOptions {
    const { limits } = this.#options;
    return { listen, ...(limits === undefined ? {} : { limits }) };
  }

  /** Plain requests go where they went, unless a domain's are answered by TLS alone. */
  #orRedirect(deps: HttpServerDeps): HttpServerDeps {
    const httpsOnly = this.#httpsOnly;
    if (httpsOnly === undefined) return deps;
    const { onRequest, onUpgrade } = deps;
    return {
      ...deps,
      onRequest: (req, res, target) =>
        httpsOnly.redirects(req, res, target) ? undefined : onRequest(req, res, target),
      ...(onUpgrade === undefined
        ? {}
        : {
            onUpgrade: (req, res, upgrade) => {
              if (!httpsOnly.redirects(req, res, upgrade.target)) onUpgrade(req, res, upgrade);
            },
          }),
    };
  }
}
