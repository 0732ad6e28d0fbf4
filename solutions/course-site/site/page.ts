/**
 * What a page is made of. Its static content is the same for everybody, rendered once and kept by
 * shared caches; what is a learner's own (`Personal`) comes in a second pass, in the browser.
 */
import type { ReactElement } from "react";
import type { PathParams } from "./path.ts";

export interface Personal {
  readonly learner?: {
    readonly name: string;
    /** Courses that are bought, and how many of their lessons are done. */
    readonly bought: Readonly<Record<string, number>>;
  };
  readonly discount?: { readonly percent: number; readonly reason: string };
}

/** `waiting` in every static render; `away` when it cannot be had, as without a network. */
export type PersonalState = Personal | "waiting" | "away";

export interface ViewProps<Content> {
  readonly content: Content;
  readonly query: URLSearchParams;
  readonly personal: PersonalState;
}

/** `pages/NAME.tsx`: what server and browser share. */
export interface PageView<Content> {
  View(props: ViewProps<Content>): ReactElement;
}

/** `pages/NAME-content.ts`: what stays on the server. */
export interface PageContent<Content> {
  /** Undefined where there is no such page. */
  load(params: PathParams): Content | undefined;
  /** Every place of this page. */
  places(): readonly PathParams[];
  title(content: Content): string;
  /** Tags of one render, beside those of all of its page. */
  tags(params: PathParams): readonly string[];
}

export interface PageSettings {
  readonly name: string;
  /** Pattern of its path. */
  readonly path: string;
  /** Where the static content lies for browsers that render by themselves. */
  readonly contentUrl: string;
}

export interface RenderSettings extends PageSettings {
  readonly cacheControl: string;
  readonly tags: readonly string[];
  /** URLs of the page's script, first, and of what it imports. */
  readonly scripts: readonly string[];
  readonly styles: string;
}

/** Tells a render from a shell. */
export const RENDER_HEADER = "x-render";

/** Content of one place, below `contentUrl`. */
export function contentPath(params: PathParams): string {
  return `${Object.values(params).map(encodeURIComponent).join("/") || "index"}.json`;
}
