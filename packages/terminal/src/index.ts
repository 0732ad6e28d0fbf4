export { collect } from "./collect.ts";
export { diffJson, diffLines } from "./json-diff.ts";
export type {
  Argument,
  CommandFacts,
  CommandTable,
  Example,
  Flag,
  Given,
  RunnableCommand,
} from "./command.ts";
export { confirm, YES_FLAG } from "./confirm.ts";
export { errorText } from "./error-text.ts";
export { failCommand } from "./errors.ts";
export { followReads } from "./follow-reads.ts";
export { exitCodes, showHelp } from "./help.ts";
export type { OutputStream, TerminalHost } from "./host.ts";
export { readInputFile, writeOutputFile } from "./input-file.ts";
export { parseCommandLine } from "./parse.ts";
export { patiently } from "./patience.ts";
export { createProgress, type Progress } from "./progress.ts";
export { runProgram, type Program } from "./run.ts";
export type { Screen } from "./screen.ts";
export { createStyle, type Style } from "./style.ts";
export { fieldLines, renderTable, type Column, type Field } from "./table.ts";
export {
  ageText,
  bytesText,
  countText,
  cutTo,
  durationText,
  readDuration,
  readRate,
  readTime,
  showable,
  widthOf,
} from "./text.ts";
export { stageLines, timingLines, type Stage } from "./timing.ts";
