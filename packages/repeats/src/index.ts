export { fail as failRepeat } from "./errors.ts";
export {
  expireRepeats,
  findRepeat,
  forgetRepeats,
  forgetRepeatsOf,
  keepRepeat,
  REPEAT_ANSWERS,
  REPEAT_BOUNDS,
  REPEAT_TABLES,
  repeatClaim,
  repeatUsage,
  type AnsweredClaim,
  type KeptAnswer,
  type RepeatClaim,
  type RepeatUsage,
} from "./kept-answers.ts";
export {
  RepeatedCalls,
  type RepeatableCall,
  type RepeatedAnswer,
  type RepeatedCallsDeps,
} from "./repeated-calls.ts";
export { confidentialDigest, openAnswer, sealAnswer, type Seal } from "./sealed-answer.ts";
