import type { ReactElement } from "react";
import { renderToReadableStream } from "react-dom/server.edge";

function Page({ name }: { readonly name: string }): ReactElement {
  return (
    <html lang="en">
      <head>
        <title>Hello</title>
      </head>
      <body>
        <h1>Hello, {name}!</h1>
      </body>
    </html>
  );
}

export function renderPage(name: string): Promise<ReadableStream> {
  return renderToReadableStream(<Page name={name} />);
}
