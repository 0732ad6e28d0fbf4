/** Where commands write: results to the standard output, everything about them to the other. */
import type { TerminalHost } from "./host.ts";
import { createStyle, wantsColour, type Style } from "./style.ts";
import { renderTable, type Column } from "./table.ts";
import { bytesText } from "./text.ts";

export interface Screen {
  /** Results were asked for as JSON: nothing else may stand on the standard output. */
  readonly json: boolean;
  readonly style: Style;
  readonly errorStyle: Style;
  readonly columns: number;
  /** The standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Someone watches; progress may be drawn on the standard error. */
  readonly watched: boolean;
  print(...lines: readonly string[]): void;
  printJson(value: unknown): void;
  /** As they are, to a file or a program; a terminal is only told how many there are. */
  printBytes(bytes: Uint8Array): void;
  /** That something was done: behind a tick, or as the JSON of what there is now. */
  printDone(value: unknown, text: string): void;
  /** One line of JSON, for streams. */
  printJsonLine(value: unknown): void;
  printTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): void;
  /** A remark that is not the result; silent with --json. */
  note(...lines: readonly string[]): void;
  /** Draws over the current line of the terminal. */
  draw(line: string): void;
  drained(): Promise<void>;
}

export function createScreen(
  { stdout, stderr, env }: Pick<TerminalHost, "stdout" | "stderr" | "env">,
  json: boolean,
): Screen {
  const style = createStyle(wantsColour(stdout, env));
  const print = (...lines: readonly string[]): void => {
    if (lines.length > 0) stdout.write(`${lines.join("\n")}\n`);
  };
  const printJson = (value: unknown): void => print(JSON.stringify(value, undefined, 2));
  const note = (...lines: readonly string[]): void => {
    if (!json && lines.length > 0) stderr.write(`${lines.join("\n")}\n`);
  };
  return {
    json,
    style,
    errorStyle: createStyle(wantsColour(stderr, env)),
    columns: stdout.columns,
    isTerminal: stdout.isTerminal,
    watched: stderr.isTerminal && !json,
    print,
    printJson,
    printBytes(bytes) {
      if (!stdout.isTerminal) stdout.write(bytes);
      else note(`${bytesText(bytes.length)} that are no text; add \`> FILE\` to keep them.`);
    },
    printDone: (value, text) => (json ? printJson(value) : print(`${style.green("✓")} ${text}`)),
    printJsonLine: (value) => print(JSON.stringify(value)),
    printTable: (columns, rows) =>
      print(...renderTable(columns, rows, { columns: stdout.columns, paintTitle: style.dim })),
    note,
    draw: (line) => stderr.write(`\r\u001b[2K${line}`),
    drained: () => stdout.drained(),
  };
}
