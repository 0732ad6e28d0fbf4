/** Where a thing is: every node, instance and record carries these. */
export interface Placement {
  readonly site: string;
  readonly zone: string;
  readonly set: string;
}

export const LOCAL_PLACEMENT: Placement = { site: "local", zone: "local", set: "local" };
