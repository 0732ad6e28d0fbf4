/** Hosts of users' own that lead to stages of gateway APIs. */
import type { DomainRequest, DomainResource } from "@skerry/api-schema";
import { YES_FLAG, confirm, failCommand, readInputFile, type Column } from "@skerry/terminal";
import {
  type Command,
  type CommandCall,
  noteBehind,
  printList,
  IF_MATCH_FLAG,
  ifMatchOf,
} from "@skerry/commands";
import { API_ARGUMENT, readApiPath, STAGE_FLAG } from "./gateway-api-path.ts";

const PAGE = 1_000;
const HOST = { name: "HOST", description: "Such as shop.example, or *.shop.example." };

const list: Command = {
  name: "domains ls",
  summary: "List domains: where each leads, and until when its certificate is good",
  args: [],
  flags: [],
  examples: [{ line: "domains ls", says: "Those of your account." }],
  run: ({ screen, client }) =>
    printList(screen, COLUMNS, (cursor) =>
      client().listDomains({ query: { limit: PAGE, cursor } }),
    ),
};

const COLUMNS: readonly Column<DomainResource>[] = [
  { title: "HOST", text: ({ host }) => host },
  { title: "LEADS TO", text: ({ app, api, stage }) => `${app}/${api} ${stage}`, flexible: true },
  { title: "HTTP", text: ({ httpsOnly }) => (httpsOnly ? "redirected" : "answered") },
  {
    title: "CERTIFICATE",
    text: ({ certificate: one }) => (one === null ? "none" : `until ${one.notAfter}`),
  },
];

const put: Command = {
  name: "domains put",
  summary: "Have a host lead to a stage of a gateway API",
  about: [
    "A certificate is used from the next connection on, without a restart. One that was given before stays when " +
      "none is given now; the private key is sealed, and shown to nobody.",
  ],
  args: [HOST, API_ARGUMENT],
  flags: [
    STAGE_FLAG,
    { name: "cert", value: "FILE", description: "PEM of its chain, the leaf first." },
    { name: "cert-key", value: "FILE", description: "PEM of the leaf's private key." },
    { name: "https-only", description: "Requests by plain HTTP are redirected." },
    IF_MATCH_FLAG,
  ],
  examples: [
    { line: "domains put shop.example shop/web --stage release", says: "By plain HTTP." },
    {
      line: "domains put a.test shop/web --stage test --cert c.pem --cert-key k.pem",
      says: "And by TLS.",
    },
  ],
  async run(call) {
    const { args, screen, client, isOn, required } = call;
    const [host = ""] = args;
    const where = { ...readApiPath(args[1]), stage: required("stage") };
    const body = { ...where, httpsOnly: isOn("https-only"), ...certificateOf(call) };
    const made = await client().putDomain({ params: { host }, body, ...ifMatchOf(call) });
    screen.printDone(made, `${host} leads to ${made.app}/${made.api} ${made.stage}.`);
    noteBehind(screen, made);
    return 0;
  },
};

/** Throws FILE_UNREADABLE, FLAG_VALUE_INVALID. */
function certificateOf({ flag, host }: CommandCall): Pick<DomainRequest, "certificate"> {
  const [chain, key] = [flag("cert"), flag("cert-key")];
  if (chain === undefined && key === undefined) return {};
  if (chain === undefined || key === undefined) {
    const why = "a certificate and its private key come together";
    const [given, value] = chain === undefined ? ["--cert-key", key] : ["--cert", chain];
    const told = { command: "domains put", flag: given, value: value ?? "" };
    throw failCommand("FLAG_VALUE_INVALID", { ...told, why });
  }
  const text = (path: string): string => readInputFile(host, path).toString("utf8");
  return { certificate: { chain: text(chain), key: text(key) } };
}

const remove: Command = {
  name: "domains rm",
  summary: "Let a host lead nowhere, and forget its key",
  args: [HOST],
  flags: [IF_MATCH_FLAG, YES_FLAG],
  examples: [{ line: "domains rm shop.example --yes", says: "Without asking." }],
  async run(call) {
    const [host = ""] = call.args;
    await confirm(call, { what: host, question: `Let ${host} lead nowhere any more?` });
    await call.client().deleteDomain({ params: { host }, ...ifMatchOf(call) });
    call.screen.printDone({ removed: host }, `Removed ${host}.`);
    return 0;
  },
};

export const DOMAIN_COMMANDS: readonly Command[] = [list, put, remove];
