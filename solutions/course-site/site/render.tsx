/** The first pass: a page's function renders what is the same for everybody, fit for any cache. */
import { renderToString } from "react-dom/server";
import { documentOf } from "./document.ts";
import { RENDER_HEADER, type PageContent, type PageView, type RenderSettings } from "./page.ts";
import { Frame } from "./parts/frame.tsx";
import { matchPath } from "./path.ts";

const NOT_FOUND_TITLE = "There is no such page";
const HTML = { "content-type": "text/html; charset=utf-8" };

export type PageHandler = (request: Request) => Response;

export function pageHandler<Content>(
  page: PageView<Content> & PageContent<Content>,
  settings: RenderSettings,
): PageHandler {
  return (request) => {
    const url = new URL(request.url);
    const params = matchPath(settings.path, url.pathname);
    const content = params === undefined ? undefined : page.load(params);
    if (params === undefined || content === undefined) return notFound(settings);
    const markup = renderToString(
      <Frame personal="waiting">
        <page.View content={content} query={url.searchParams} personal="waiting" />
      </Frame>,
    );
    const html = documentOf(settings, { title: page.title(content), markup, content });
    return new Response(html, {
      headers: {
        ...HTML,
        [RENDER_HEADER]: settings.name,
        "cache-control": settings.cacheControl,
        "cache-tag": [...settings.tags, ...page.tags(params)].join(", "),
      },
    });
  };
}

/** No script: there is nothing to take over. */
function notFound(settings: RenderSettings): Response {
  const markup = renderToString(
    <Frame personal="away">
      <section className="empty">
        <h1>{NOT_FOUND_TITLE}</h1>
        <p>
          It may have moved. <a href="/">All courses</a> are still there.
        </p>
      </section>
    </Frame>,
  );
  const html = documentOf({ ...settings, scripts: [] }, { title: NOT_FOUND_TITLE, markup });
  const headers = { ...HTML, "cache-control": "public, max-age=0, s-maxage=10" };
  return new Response(html, { status: 404, headers });
}
