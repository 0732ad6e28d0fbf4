/** A realistic cold start: Express and React in one bundle of about a megabyte. */
import express from "express";
import { createElement } from "react";
import { renderToString } from "react-dom/server";

const app = express();

function Rows() {
  const rows = Array.from({ length: 50 }, (_, i) => createElement("tr", { key: i }, `row ${i}`));
  return createElement("table", null, createElement("tbody", null, ...rows));
}

export function handler() {
  return { settings: typeof app.settings, html: renderToString(createElement(Rows)) };
}
