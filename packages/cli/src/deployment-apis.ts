/** What stages of an app's gateway APIs serve behind a deployment that declares them. */
import type { Client, DeclaredChange } from "@skerry/sdk";
import { everyItem } from "@skerry/sdk";
import { countText, type Style } from "@skerry/terminal";

/** One stage that serves something. */
export interface ServingStage {
  readonly api: string;
  readonly stage: string;
  readonly publication: number;
  readonly urls: readonly string[];
}

/** Of the APIs that the file names; those that it does not name are not looked at. */
export async function servingStages(
  client: Client,
  app: string,
  declared: readonly DeclaredChange[],
): Promise<readonly ServingStage[]> {
  const serving: ServingStage[] = [];
  for (const { kind, name: api, change } of declared) {
    if (kind !== "api" || change === "remove") continue;
    const page = (cursor: string | undefined) =>
      client.listStages({ params: { app, api }, query: { cursor } });
    for await (const { stage, publication, urls } of everyItem(page)) {
      if (publication !== null) serving.push({ api, stage, publication: publication.number, urls });
    }
  }
  return serving;
}

export function servingLines(stages: readonly ServingStage[], style: Style): readonly string[] {
  if (stages.length === 0) return [];
  const names = stages.map(({ api, stage }) => `${api} ${stage}`);
  const width = Math.max(...names.map((name) => name.length));
  return [
    `${countText(stages.length, "stage")} of gateway APIs:`,
    ...stages.map(({ urls, publication }, i) => {
      const url = style.cyan(urls.at(-1) ?? "");
      return `  ${(names[i] ?? "").padEnd(width)}  ${url} ${style.dim(`publication ${publication}`)}`;
    }),
  ];
}
