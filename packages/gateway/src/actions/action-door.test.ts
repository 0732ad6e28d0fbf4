/** Who runs an action by a ticket or a key, and every way in which one of them does not count. */
import assert from "node:assert/strict";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import {
  createIdSource,
  PlatformError,
  seededRandom,
  silentLog,
  systemClock,
  type AccountId,
  type KeyId,
  type SecretId,
} from "@skerry/base";
import {
  serverKeyScope,
  TICKET_LIMITS,
  ticketSecretText,
  ticketText,
  type ActionEntry,
  type KeyEntry,
  type SecretEntry,
  type TicketHolder,
} from "@skerry/contracts";
import { parseRequestTarget } from "@skerry/http";
import { HandClock } from "@skerry/testkit";
import {
  KeyCheck,
  NONCE_LIMITS,
  NonceJournal,
  type NonceOwner,
  Nonces,
  type NonceUse,
  TargetReader,
} from "@skerry/requests";
import { World } from "../../test/world.ts";
import { BodyBudget } from "@skerry/live-invocations";
import type { FunctionShell } from "../function-shell.ts";
import { ListeningLedger } from "../../test/ledger-control.ts";
import { ActionDoor } from "./action-door.ts";

const ids = createIdSource({ clock: systemClock(), random: seededRandom(53) });
const ACCOUNT = ids.id("acct");
const PATH = "/-/arena/actions/score";
const BODY = '{"score":7}';

/** What is signed with; `ticket` is what the header names. */
interface Signer {
  readonly ticket: string;
  readonly secret: string;
}

function actionOf(game: TicketHolder | null, manual = false): ActionEntry {
  const named = { app: "arena", name: "score", fn: "score", game, manual };
  return { kind: "action", id: ids.id("act"), accountId: ACCOUNT, ...named };
}

class Door {
  readonly clock = new HandClock();
  readonly keys = new Map<SecretId, SecretEntry>();
  /** Keys of the platform. */
  readonly issuers = new Map<KeyId, KeyEntry>();
  action = actionOf("any");
  opened = 0;
  port = 0;

  constructor(t: TestContext, nonces?: { use(): NonceUse }, journal?: NonceJournal) {
    const random = seededRandom(1);
    const door = new ActionDoor({
      clock: this.clock,
      bodies: new BodyBudget(1 << 20),
      keys: new KeyCheck({ keyById: (id) => this.issuers.get(id) }),
      nonces: nonces ?? new Nonces(() => this.clock.monotonicMs()),
      journal,
      actionOf: (app, name) => (app === "arena" && name === "score" ? this.action : undefined),
      serverKeyOf: (id) => this.keys.get(id),
      openKey: ({ sealed }) => {
        this.opened += 1;
        return Promise.resolve(sealed.value);
      },
      shellOf: () => ({ entry: { app: "arena", name: "score" } }) as unknown as FunctionShell,
    });
    const targets = new TargetReader();
    const server = createServer((req, res) => {
      const target = parseRequestTarget(req.url ?? "");
      const call = targets.read(target, "x");
      assert.ok(call !== undefined, "a path of an action");
      void door.admit({ req, target, call }).then(
        ({ facts, hold }) => {
          hold.release();
          res.end(JSON.stringify(facts));
        },
        (error: unknown) => res.end(PlatformError.from(error).reason),
      );
    });
    t.after(() => void server.close());
    this.ready = new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        this.port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
    this.random = random;
  }
  readonly ready: Promise<void>;
  readonly random: ReturnType<typeof seededRandom>;

  key(app = "arena"): Signer {
    const [id, secret] = [ids.id("sec"), randomBytes(32).toString("base64url")];
    const sealed = { format: 1, keyId: "k", wrappedKey: "w", value: secret } as const;
    const named = { accountId: ACCOUNT, app: serverKeyScope(app), name: "players", version: 1 };
    this.keys.set(id, { kind: "secret", id, ...named, sealed });
    return { ticket: id, secret };
  }

  ticket(
    key: Signer,
    player = "ada",
    { ttlS = 60, issuer }: { readonly ttlS?: number; readonly issuer?: KeyId } = {},
  ): Signer {
    const expiryS = this.nowS + ttlS;
    const playerBase64 = Buffer.from(player).toString("base64url");
    const ticket = ticketText({ keyId: key.ticket, playerBase64, expiryS, issuer });
    return { ticket, secret: mac(key.secret, ticketSecretText(ticket)) };
  }

  get nowS(): number {
    return Math.floor(this.clock.wallMs() / 1_000);
  }

  sign(signer: Signer, changed: Partial<Record<"time" | "nonce" | "path", string>> = {}): string {
    const { time = String(this.nowS), path = PATH } = changed;
    const nonce = changed.nonce ?? randomBytes(16).toString("base64url");
    const digest = createHash("sha256").update(BODY).digest("hex");
    const signed = ["skerry-ticket-1", "POST", path, time, nonce, digest].join("\n");
    return ["v1", signer.ticket, time, nonce, mac(signer.secret, signed)].join(",");
  }

  async send(header: string, sent: Partial<{ path: string; body: string }> = {}): Promise<string> {
    await this.ready;
    const { path = PATH, body = BODY } = sent;
    const headers = { "x-skerry-ticket": header, connection: "close" };
    const at = { host: "127.0.0.1", port: this.port, path, method: "POST", headers };
    // Sends the path as it is, to the letter.
    return await new Promise((resolve, reject) => {
      const req = request(at, (res) => void textOf(res).then(resolve, reject));
      req.once("error", reject).end(body);
    });
  }
}

function mac(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("base64url");
}

test("a server's key and a player's ticket run an action, which knows whose they are", async (t) => {
  const door = new Door(t);
  const key = door.key();
  const game = { n: "score", d: "game", t: "arena/score:game" };
  assert.deepEqual(JSON.parse(await door.send(door.sign(key))), { ...game, k: key.ticket });
  const player = door.ticket(key, "ada ☃");
  const ran = JSON.parse(await door.send(door.sign(player))) as object;
  assert.deepEqual(ran, { ...game, p: "ada ☃", k: key.ticket });
  assert.equal(door.opened, 1, "a key is opened once");
});

test("a request that was taken is not taken again; a nonce belongs to its key", async (t) => {
  const door = new Door(t);
  const [key, other] = [door.key(), door.key()];
  const nonce = "n".repeat(22);
  const header = door.sign(key, { nonce });
  assert.match(await door.send(header), /arena\/score:game/);
  assert.equal(await door.send(header), "GATEWAY_TICKET_USED");
  assert.match(await door.send(door.sign(other, { nonce })), /arena\/score:game/);
  const player = door.ticket(key, "bob");
  assert.equal(await door.send(door.sign(player, { nonce })), "GATEWAY_TICKET_USED");
});

test("control: a door that remembers no nonce takes a request twice", async (t) => {
  const door = new Door(t, { use: () => "fresh" });
  const header = door.sign(door.key());
  for (let n = 0; n < 2; n += 1) assert.match(await door.send(header), /arena\/score:game/);
});

test("a path is signed as it is sent, an empty query and encoded letters too", async (t) => {
  const door = new Door(t);
  const key = door.key();
  for (const path of [`${PATH}?`, `${PATH}?a=%41&b`, "/-/%61rena/actions/score"])
    assert.match(await door.send(door.sign(key, { path }), { path }), /arena\/score:game/, path);
});

test("what is not exactly what was signed is refused, and uses no nonce up", async (t) => {
  const door = new Door(t);
  const key = door.key();
  const header = door.sign(key);
  const parts = header.split(",");
  const changed = (at: number, text: string): string => parts.with(at, text).join(",");
  const attacks: readonly (readonly [string, string, { path?: string; body?: string }])[] = [
    ["another body", header, { body: '{"score":8}' }],
    ["no body", header, { body: "" }],
    ["another query", header, { path: `${PATH}?a=1` }],
    ["an empty query", header, { path: `${PATH}?` }],
    ["another spelling of the path", header, { path: "/-/%61rena/actions/score" }],
    ["another nonce", changed(3, "m".repeat(22)), {}],
    ["another time", changed(2, String(door.nowS + 1)), {}],
    ["a signature of zeros", changed(4, "A".repeat(43)), {}],
    ["the key of another", changed(1, door.key().ticket), {}],
    ["a player's name before the key", changed(1, door.ticket(key).ticket), {}],
  ];
  for (const [what, sent, more] of attacks) {
    assert.equal(await door.send(sent, more), "GATEWAY_TICKET_INVALID", what);
  }
  assert.match(await door.send(header), /arena\/score:game/, "what was signed is still good");
});

test("a header that is cut, long, or of another form is refused before anything is opened", async (t) => {
  const door = new Door(t);
  const key = door.key();
  const header = door.sign(key);
  const forms = [
    header.slice(0, -1),
    `${header}A`,
    `${header},more`,
    header.replace("v1", "v2"),
    header.replaceAll(",", ";"),
    `v1,${key.ticket},${door.nowS},short,${"A".repeat(43)}`,
    `v1,${key.ticket},${door.nowS}.5,${"n".repeat(22)},${"A".repeat(43)}`,
    `v1,${key.ticket}.${"A".repeat(400)}.1795000000,${door.nowS},${"n".repeat(22)},${"A".repeat(43)}`,
    "v1,".repeat(2_000),
  ];
  for (const form of forms) {
    assert.equal(await door.send(form), "GATEWAY_TICKET_MALFORMED", form.slice(0, 80));
  }
  assert.equal(door.opened, 0);
});

test("a time that is off by more than a minute is refused, however well it is signed", async (t) => {
  const door = new Door(t);
  const key = door.key();
  const at = (offS: number): string => door.sign(key, { time: String(door.nowS + offS) });
  for (const offS of [-59, 60]) assert.match(await door.send(at(offS)), /arena/, `${offS} s`);
  for (const offS of [-61, 61, -86_400]) {
    assert.equal(await door.send(at(offS)), "GATEWAY_TICKET_SKEWED", `${offS} s`);
  }
  const late = door.sign(key);
  door.clock.advance(61_000);
  assert.equal(await door.send(late), "GATEWAY_TICKET_SKEWED");
});

test("a key of another app, a revoked one and its tickets are refused alike", async (t) => {
  const door = new Door(t);
  assert.equal(await door.send(door.sign(door.key("other"))), "GATEWAY_TICKET_INVALID");
  const key = door.key();
  const player = door.ticket(key);
  assert.match(await door.send(door.sign(player)), /arena/);
  door.keys.clear();
  assert.equal(await door.send(door.sign(player)), "GATEWAY_TICKET_INVALID");
  assert.equal(await door.send(door.sign(key)), "GATEWAY_TICKET_INVALID");
});

test("an expired ticket is refused, and nobody but its issuer can make it longer", async (t) => {
  const door = new Door(t);
  const key = door.key();
  const player = door.ticket(key, "ada", { ttlS: 30 });
  door.clock.advance(31_000);
  assert.equal(await door.send(door.sign(player)), "GATEWAY_TICKET_EXPIRED");
  const longer = player.ticket.replace(/\d+$/, String(door.nowS + 600));
  const forged = { ticket: longer, secret: player.secret };
  assert.equal(await door.send(door.sign(forged)), "GATEWAY_TICKET_INVALID");
});

test("a ticket counts as long as the key that had it issued, and nobody leaves that key out", async (t) => {
  const door = new Door(t);
  const key = door.key();
  const issuer = ids.id("key");
  const entry = (accountId: AccountId): KeyEntry => ({
    ...{ kind: "key", id: issuer, accountId, role: "developer", apps: null, secretSha256: "" },
  });
  door.issuers.set(issuer, entry(ACCOUNT));
  const longest = "☃".repeat(TICKET_LIMITS.playerCharsMax);
  const player = door.ticket(key, longest, { issuer, ttlS: 30 * 86_400 });
  const nonce = randomBytes(48).toString("base64url");
  assert.match(await door.send(door.sign(player, { nonce })), /arena\/score:game/);
  door.issuers.set(issuer, entry(ids.id("acct")));
  assert.equal(await door.send(door.sign(player)), "GATEWAY_TICKET_INVALID", "another account's");
  door.issuers.delete(issuer);
  assert.equal(await door.send(door.sign(player)), "GATEWAY_TICKET_INVALID", "it was removed");
  const bare = { ...player, ticket: player.ticket.slice(0, -issuer.length - 1) };
  assert.equal(await door.send(door.sign(bare)), "GATEWAY_TICKET_INVALID");
  const own = door.ticket(key, longest, { ttlS: 30 * 86_400 });
  assert.match(await door.send(door.sign(own)), /arena\/score:game/, "the control: a server's own");
});

test("an action says whose tickets it takes, and whether it takes any", async (t) => {
  const door = new Door(t);
  const key = door.key();
  const player = door.ticket(key);
  door.action = actionOf("server");
  assert.equal(await door.send(door.sign(player)), "GATEWAY_TICKET_HOLDER");
  door.action = actionOf("player");
  assert.equal(await door.send(door.sign(key)), "GATEWAY_TICKET_HOLDER");
  door.action = actionOf(null, true);
  assert.equal(await door.send(door.sign(player)), "GATEWAY_DRIVE_MISSING");
  assert.equal(await door.send("x", { path: "/-/arena/actions/none" }), "GATEWAY_ACTION_MISSING");
});

test("of several gateways one takes a request, and none that comes after them", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "skerry-nonces-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const open = (writer: string, shared = directory) => {
    const journal = new NonceJournal(silentLog(), { directory: shared, writer });
    t.after(() => journal.close());
    return new Door(t, undefined, journal);
  };
  const [one, other] = [open("one"), open("other")];
  const key = one.key();
  for (const [id, entry] of one.keys) other.keys.set(id, entry);
  for (const signer of [key, one.ticket(key)]) {
    const header = one.sign(signer);
    assert.match(await one.send(header), /score/);
    assert.equal(await other.send(header), "GATEWAY_TICKET_USED");
    const next = one.sign(signer);
    assert.match(await other.send(next), /score/);
    assert.equal(await one.send(next), "GATEWAY_TICKET_USED");
    const later = open("later");
    for (const [id, entry] of one.keys) later.keys.set(id, entry);
    assert.equal(await later.send(next), "GATEWAY_TICKET_USED", "as after a restart");
  }
});

test("nonces are kept for as long as a call may be repeated", () => {
  const clock = new HandClock();
  const nonces = new Nonces(() => clock.monotonicMs());
  const owner = { app: "one", key: "a", player: undefined };
  assert.equal(nonces.use(owner, "1"), "fresh");
  clock.advance(119_000);
  assert.equal(nonces.use(owner, "1"), "used");
  assert.equal(nonces.use({ ...owner, player: "ada" }, "1"), "used", "by whomever");
  assert.equal(nonces.use(owner, "2"), "fresh");
  clock.advance(119_000);
  assert.equal(nonces.use(owner, "2"), "used", "also in the generation after");
  clock.advance(240_000);
  assert.equal(nonces.use(owner, "2"), "fresh");
});

/** Uses so many nonces; how many of them were taken. */
function flood(nonces: Nonces, owner: NonceOwner, count: number): number {
  let fresh = 0;
  const name = `${owner.key}/${owner.player}`;
  for (let n = 0; n < count; n += 1) if (nonces.use(owner, `${name}/${n}`) === "fresh") fresh += 1;
  return fresh;
}

test("a player's flood is refused alone, and no crowd of players shuts out who plays little", () => {
  const nonces = new Nonces(() => 0);
  const { perPlayerMax, perKeyMax, littleOfPlayer } = NONCE_LIMITS;
  const player = (name: string): NonceOwner => ({ app: "one", key: "a", player: name });
  assert.equal(flood(nonces, player("ada"), 2 * perPlayerMax), perPlayerMax);
  assert.equal(nonces.use(player("bob"), "n"), "fresh");
  for (let n = 0; n < perKeyMax / perPlayerMax; n += 1)
    flood(nonces, player(`p${n}`), perPlayerMax);
  assert.equal(flood(nonces, player("eve"), perPlayerMax), littleOfPlayer, "the control");
  assert.equal(nonces.use(player("new"), "n2"), "fresh");
  const server = { app: "one", key: "a", player: undefined };
  assert.equal(nonces.use(server, "n3"), "fresh", "and the server plays");
});

test("a key's flood is its own, and no crowd of keys shuts out one that is used little", () => {
  const nonces = new Nonces(() => 0);
  const { perKeyMax, perAppMax, littleOfKey } = NONCE_LIMITS;
  const server = (key: string): NonceOwner => ({ app: "one", key, player: undefined });
  assert.equal(flood(nonces, server("a"), perKeyMax + 5), perKeyMax);
  assert.equal(nonces.use(server("b"), "n"), "fresh");
  for (let n = 0; n < perAppMax / perKeyMax; n += 1) flood(nonces, server(`k${n}`), perKeyMax);
  assert.equal(flood(nonces, server("last"), perKeyMax), littleOfKey, "the control");
  assert.equal(nonces.use(server("new"), "n"), "fresh");
});

test("an app's flood is its own, over however many keys, and no crowd of apps shuts out another", () => {
  const nonces = new Nonces(() => 0);
  const { perAppMax, littleOfApp, littleOfKey } = NONCE_LIMITS;
  /** By keys that are each used little, of which there may be any number. */
  const floodOf = (app: string): number => {
    let fresh = 0;
    for (let n = 0; n <= perAppMax / littleOfKey; n += 1)
      fresh += flood(nonces, { app, key: `${app}${n}`, player: undefined }, littleOfKey);
    return fresh;
  };
  assert.equal(floodOf("one"), perAppMax);
  floodOf("two");
  assert.equal(floodOf("last"), littleOfApp, "the control");
  assert.equal(nonces.use({ app: "new", key: "k", player: "ada" }, "n"), "fresh");
});

test("by a gateway, a run's function hears of its action; without ticket or key there is none", async (t) => {
  const world = new World();
  const control = await new ListeningLedger().listen(world);
  t.after(async () => {
    await world.close();
    await control.close();
  });
  world.fn({ app: "arena", name: "score" });
  world.action({ app: "arena", name: "score", fn: "score", game: "server", manual: true });
  const secret = randomBytes(32).toString("base64url");
  const signer = { ticket: world.serverKey("arena", secret), secret };
  const developer = world.key();
  const agent = await world.agent();
  agent.handle = (call) => call.answer(JSON.stringify(call.head));
  const usedNonces = join(world.directory, "nonces");
  await world.start({ usedNonces });
  const time = String(Math.floor(systemClock().wallMs() / 1_000));
  const nonce = "n".repeat(22);
  const digest = createHash("sha256").update(BODY).digest("hex");
  const text = ["skerry-ticket-1", "POST", PATH, time, nonce, digest].join("\n");
  const header = ["v1", signer.ticket, time, nonce, mac(secret, text)].join(",");
  const ran = await world.ask({ path: PATH, body: BODY, headers: { "x-skerry-ticket": header } });
  const head = JSON.parse(ran.body) as { m: string; ac: object };
  assert.equal(head.m, "EVENT");
  const facts = { n: "score", d: "game", t: "arena/score:game", k: signer.ticket };
  assert.deepEqual(head.ac, facts);
  const [called] = control.calls.flatMap(({ pieces }) => pieces);
  const { id, src, ac, ik, rq } = called?.head ?? {};
  assert.deepEqual([src, ac, ik, rq?.m], ["game", facts, undefined, "EVENT"]);
  assert.equal(Buffer.from(called?.bytes ?? []).toString(), BODY);
  assert.equal(ran.headers["x-skerry-request-id"], id);
  const [ended] = control.settles.flatMap(({ pieces }) => pieces);
  assert.deepEqual([ended?.head.id, ended?.head.o, ended?.head.s], [id, "ok", 200]);
  const again = await world.ask({ path: PATH, body: BODY, headers: { "x-skerry-ticket": header } });
  assert.deepEqual([again.status, again.error.reason], [401, "GATEWAY_TICKET_USED"]);
  const bare = await world.ask({ path: PATH, body: BODY });
  assert.deepEqual([bare.status, bare.error.reason], [401, "GATEWAY_TICKET_REQUIRED"]);
  const keyed = { authorization: `Bearer ${developer}` };
  const manual = await world.ask({ path: PATH, body: BODY, headers: keyed });
  assert.deepEqual((JSON.parse(manual.body) as { ac: object }).ac, {
    ...{ n: "score", d: "manual", t: "arena/score:manual" },
  });
  const byHand = control.calls.flatMap(({ pieces }) => pieces).at(-1)?.head;
  assert.deepEqual([byHand?.src, byHand?.ac?.t], ["call", "arena/score:manual"]);
  assert.equal(control.calls.length, 2, "the control: what is refused is not written down");
  const got = await world.ask({ path: PATH, headers: keyed });
  assert.deepEqual([got.status, got.error.reason], [405, "GATEWAY_ACTION_METHOD"]);
  const first = world.gateway;
  const send = () => world.ask({ path: PATH, body: BODY, headers: { "x-skerry-ticket": header } });
  await world.start({ usedNonces });
  assert.equal((await send()).error.reason, "GATEWAY_TICKET_USED", "also another gateway's");
  await world.gateway.close();
  await world.start();
  assert.equal((await send()).status, 200, "the control: it shares nothing");
  await first.close();
});
