/** Control's side of the ledger where a world's gateway looks for control. For tests only. */
import type { RunPiece } from "@skerry/contracts";
import type { Piece } from "@skerry/link";
import { LedgerControl } from "@skerry/testkit";
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
