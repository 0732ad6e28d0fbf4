/** The changes of gateway APIs and stages, each with its record in its transaction. */
import type { Tx, TxStep } from "@skerry/store";
import { recordedBy, type Done, type RecordChange, type Stamped } from "../recorded.ts";
import { deleteDomain, putDomain } from "./domain-changes.ts";
import { deleteGatewayApi, putGatewayApi } from "./gateway-api-changes.ts";
import { createPurge } from "./purge-stage.ts";
import { createPublication, deleteStage, putStage } from "./stage-changes.ts";

const CHANGES = {
  putGatewayApi,
  deleteGatewayApi,
  putStage,
  deleteStage,
  createPublication,
  createPurge,
  putDomain,
  deleteDomain,
} as const;

export type GatewayApiChanges = {
  readonly [N in keyof typeof CHANGES]: (
    tx: Tx,
    args: Parameters<(typeof CHANGES)[N]>[1],
  ) => TxStep<Done>;
};

interface MaybeDry extends Stamped {
  /** Nothing is changed. */
  readonly dryRun?: boolean;
}

/** Procedures of the module that has the catalogue's tables and those of gateway APIs. */
export function gatewayApiChanges(record: RecordChange): GatewayApiChanges {
  const recorded = recordedBy<MaybeDry>(record, ({ dryRun }) => dryRun === true);
  return {
    putGatewayApi: recorded(putGatewayApi),
    deleteGatewayApi: recorded(deleteGatewayApi),
    putStage: recorded(putStage),
    deleteStage: recorded(deleteStage),
    createPublication: recorded(createPublication),
    createPurge: recorded(createPurge),
    putDomain: recorded(putDomain),
    deleteDomain: recorded(deleteDomain),
  };
}
