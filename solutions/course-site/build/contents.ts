/** The static content of every place, as browsers fetch it that render by themselves. */
import { contentPath, type PageContent, type RenderSettings } from "../site/page.ts";
import { documentOf } from "../site/document.ts";
import { bundleFunction } from "./bundle.ts";

export interface TextFile {
  /** Relative to the assets. */
  readonly path: string;
  readonly text: string;
}

/** One JSON file for each place of each page. */
export async function contentFiles(pages: readonly RenderSettings[]): Promise<readonly TextFile[]> {
  const names = pages.map(({ name }) => name);
  const source = names
    .map((name) => `export * as ${name} from "./pages/${name}-content.ts";`)
    .join("\n");
  const code = Buffer.from(await bundleFunction(source)).toString("base64");
  const url = `data:text/javascript;base64,${code}`;
  const modules = (await import(url)) as Record<string, PageContent<unknown>>;
  return names.flatMap((name) => {
    const page = modules[name];
    if (page === undefined) return [];
    return page.places().map((params) => {
      const content = page.load(params);
      const text = JSON.stringify({ title: page.title(content), content });
      return { path: `content/${name}/${contentPath(params)}`, text };
    });
  });
}

/** A document for each page that holds nothing but its script. */
export function shellFiles(pages: readonly RenderSettings[]): readonly TextFile[] {
  return pages.map((settings) => ({
    path: shellPath(settings.name),
    text: documentOf(settings, { title: "Northlight", markup: "" }),
  }));
}

export function shellPath(page: string): string {
  return `shells/${page}.html`;
}
