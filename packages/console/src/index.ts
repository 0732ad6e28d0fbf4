/**
 * The page has no door to import it by: it is built (`build.mjs`) and served. What stands here are
 * the pieces that can be tested without a browser.
 */
export { clockText, countText, moneyText, msText, quoted, rateText, spanText } from "./format.ts";
export { shownResult } from "./shown-result.ts";
