export { renderReference, type ReferencePage } from "./page.ts";
