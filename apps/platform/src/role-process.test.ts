/** Descriptors that are given to roles, which may be killed before they have read them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import type { InstanceGrant } from "@skerry/contracts";
import { stopReading } from "@skerry/link/socket-pipe";
import type { ToRole } from "./messages.ts";
import { RoleProcess } from "./role-process.ts";

const TIMEOUT = { timeout: 60_000 };
/** Answers on each socket it is given and closes it, without an end that any copy would pass on. */
const ANSWERING = `
  process.on("message", (message, socket) => {
    socket.on("data", (word) => socket.write("heard " + word, () => socket.destroy())).resume();
  });
  process.send("up");`;
const MESSAGE: ToRole = { op: "instance", grant: {} as InstanceGrant, handedOver: false };

describe("a descriptor that is given to a role", TIMEOUT, () => {
  let directory: string;
  let server: Server;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), "skerry-role-"));
    writeFileSync(join(directory, "role.cjs"), ANSWERING);
    server = createServer({ pauseOnConnect: true }).listen(join(directory, "sock"));
    await once(server, "listening");
  });
  after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });

  const startRole = async (t: TestContext): Promise<RoleProcess> => {
    const main = join(directory, "role.cjs");
    const role = new RoleProcess(
      { role: "gateway", id: "gw_1", main, env: {}, listenFd: undefined, failures: 0 },
      { message: () => undefined, ended: () => undefined },
    );
    t.after(() => role.child.kill("SIGKILL"));
    await once(role.child, "message");
    return role;
  };
  const open = async (): Promise<{ far: Socket; near: Socket }> => {
    const far = connect(join(directory, "sock"));
    const [near] = (await once(server, "connection")) as [Socket];
    stopReading(near);
    return { far, near };
  };

  it("is the role's alone", async (t) => {
    const role = await startRole(t);
    const pairs = [await open(), await open(), await open()];
    for (const { near } of pairs) role.send(MESSAGE, near);
    for (const { far } of pairs) {
      far.write("word");
      const [answer] = (await once(far, "data")) as [Buffer];
      assert.equal(String(answer), "heard word");
      // Only when no process has the other side open any more.
      await once(far, "close");
    }
  });

  it("is closed when the role ends before it has read it", async (t) => {
    const role = await startRole(t);
    role.child.kill("SIGSTOP");
    const pairs = [await open(), await open(), await open()];
    const closed = pairs.map(({ far }) => once(far.resume(), "close"));
    for (const { near } of pairs) role.send(MESSAGE, near);
    role.child.kill("SIGKILL");
    await Promise.all(closed);
  });

  it("is closed when the role has ended", async (t) => {
    const role = await startRole(t);
    role.child.kill("SIGKILL");
    await role.exited;
    const { far, near } = await open();
    const closed = once(far.resume(), "close");
    role.send(MESSAGE, near);
    await closed;
  });
});
