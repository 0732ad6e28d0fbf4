/** Starts the page in its document. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Page } from "./page.tsx";
import "./style/tokens.css";
import "./style/page.css";
import "./style/parts.css";
import "./style/releases.css";

const root = globalThis.document.getElementById("page");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <Page />
    </StrictMode>,
  );
}
