export { templateProblems } from "./template.ts";
