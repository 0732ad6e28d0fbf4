/**
 * The second pass, in the browser: takes over what was rendered, or renders by itself where nothing
 * was (the downgrade), and asks for what is the learner's own.
 */
import { useEffect, useState, type ReactElement } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import {
  contentPath,
  type PageSettings,
  type PageView,
  type Personal,
  type PersonalState,
} from "./page.ts";
import { Frame } from "./parts/frame.tsx";
import { matchPath } from "./path.ts";

const SERVICE_WORKER = "/service-worker.js";

export async function startPage<Content>(
  page: PageView<Content>,
  settings: PageSettings,
): Promise<void> {
  const personal = askPersonal();
  const root = document.getElementById("root");
  if (root === null) return;
  const query = new URLSearchParams(location.search);
  const kept = document.getElementById("content")?.textContent;
  if (kept === undefined) {
    const content = await askContent<Content>(settings);
    createRoot(root).render(
      content === undefined ? (
        <Unreachable />
      ) : (
        <Live {...{ page, content, query, asked: personal }} />
      ),
    );
  } else {
    const content = JSON.parse(kept) as Content;
    hydrateRoot(root, <Live {...{ page, content, query, asked: personal }} />);
  }
  await navigator.serviceWorker?.register(SERVICE_WORKER);
}

interface LiveProps<Content> {
  readonly page: PageView<Content>;
  readonly content: Content;
  readonly query: URLSearchParams;
  readonly asked: Promise<PersonalState>;
}

function Live<Content>({ page, content, query, asked }: LiveProps<Content>): ReactElement {
  const [personal, setPersonal] = useState<PersonalState>("waiting");
  useEffect(() => {
    void asked.then(setPersonal);
  }, [asked]);
  useEffect(() => {
    // For whoever measures.
    if (personal !== "waiting") performance.mark("personal");
  }, [personal]);
  return (
    <Frame personal={personal}>
      <page.View content={content} query={query} personal={personal} />
    </Frame>
  );
}

function Unreachable(): ReactElement {
  return (
    <Frame personal="away">
      <section className="empty">
        <h1>This page is out of reach</h1>
        <p>
          You seem to be offline, or we are. What you have visited before is still under{" "}
          <a href="/">Courses</a>.
        </p>
      </section>
    </Frame>
  );
}

async function askPersonal(): Promise<PersonalState> {
  try {
    const response = await fetch("/personal");
    return response.ok ? ((await response.json()) as Personal) : "away";
  } catch {
    return "away";
  }
}

/** Undefined when it cannot be had. */
async function askContent<Content>(settings: PageSettings): Promise<Content | undefined> {
  const params = matchPath(settings.path, location.pathname);
  if (params === undefined) return undefined;
  try {
    const response = await fetch(settings.contentUrl + contentPath(params));
    if (!response.ok) return undefined;
    const { title, content } = (await response.json()) as { title: string; content: Content };
    document.title = title;
    return content;
  } catch {
    return undefined;
  }
}
