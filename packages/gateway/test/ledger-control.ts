/** Control's side of the ledger where a world's gateway looks for control. For tests only. */
import type { AnswerReply, CallPiece, RunPiece } from "@skerry/contracts";
import type { Piece } from "@skerry/link";
import { answerLedger, LedgerControl } from "@skerry/testkit";
import { controlDouble, type ControlDouble } from "./control.ts";
import { ids, type World } from "./world.ts";

/** A control that a gateway finds over a real socket. */
export class ListeningLedger extends LedgerControl {
  control: ControlDouble | undefined;

  async listen(world: World): Promise<this> {
    this.control = await controlDouble(world, {
      onLink: (link) => void this.links.push(link),
      accept: (opened, link) => this.take(opened, link),
    });
    return this;
  }

  async close(): Promise<void> {
    await this.control?.close();
  }
}

/** An attempt as control gives it. */
export function runPiece(
  fn: { readonly id: RunPiece["f"]; readonly accountId: RunPiece["a"] },
  event: unknown = {},
  changes: Partial<RunPiece> = {},
): Piece<RunPiece> {
  const id = ids.requestId();
  const head: RunPiece = { id, n: 1, r: id, f: fn.id, a: fn.accountId, src: "url", ...changes };
  return { head, bytes: Buffer.from(JSON.stringify(event)) };
}

/** It remembers keys and ends, as control's own does. */
export function rememberKeys(control: ListeningLedger): void {
  const firsts = new Map<string, CallPiece>();
  const replies = new Map<string, AnswerReply>();
  control.onCall = (asked) => {
    const results = asked.pieces.map(({ head }) => {
      const { f, id, ik } = head;
      const name = `${f} ${ik?.key ?? id}`;
      const first = firsts.get(name) ?? head;
      firsts.set(name, first);
      const isSame = first.ik?.digest === ik?.digest;
      return isSame ? { ok: true, id: first.id, held: first === head } : CONFLICT;
    });
    answerLedger(asked, results);
  };
  control.onSettle = (asked) => {
    for (const { head, bytes } of asked.pieces) {
      const { s = 200, h = [], cut } = head;
      const body = Buffer.from(bytes).toString("base64");
      replies.set(head.id, { state: "succeeded", s, h, body, ...(cut ? { cut } : {}) });
    }
    answerLedger(
      asked,
      asked.pieces.map(() => "settled"),
    );
  };
  control.onAnswer = (asked) => {
    const reply = replies.get(asked.pieces[0]?.head.id ?? "");
    answerLedger(asked, reply ?? { state: "open" });
  };
}

const CONFLICT = {
  ok: false,
  error: {
    ...{ code: "INVALID_ARGUMENT", reason: "IDEMPOTENCY_KEY_CONFLICT", message: "used" },
    ...{ hint: "h", retryable: false },
  },
} as const;
