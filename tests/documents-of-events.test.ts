/** The examples of the documents on what runs later, on time or for an event. */
import { holdExamples } from "./examples.ts";

/** What the examples of each document print, in order. */
const DOCUMENTS: Readonly<Record<string, readonly RegExp[]>> = {
  "actions.md": [
    /daily-reset[^]*"ada gets 50 coins"[^]*arena\/operator-grant:manual[^]*^200 .*ada scored 7.*report-score:game[^]*^401 .*GATEWAY_TICKET_INVALID[^]*login-reward:event [-0-9a-f]{36}: ada gets[^]*arena\/daily-reset:timer/m,
  ],
  "bus.md": [
    /order\.placed: 9900[^]*deployed\.v1: old[^]*order\.paid for 5[^]*does not match[^]*Paused large[^]*large +busdocs\/check[^]*paused +1 +0[^]*^3$/m,
  ],
  "invocations.md": [
    /"shipped": 7[^]*Cancelled [^]*exit code 15\n[^]* failed [^]* 2 +later\/bill [^]*Run later[^]*Would accept 1 [^]*billed[^]*this folder would do otherwise/,
    /"id":"([-0-9a-f]+)","state":"waiting"[^]*"id":"\1","(?:state":"\w+","repeated":true|repeated":true)/,
    /([-0-9a-f]{36})\n[-0-9a-f]{36}\n[-0-9a-f]{36}\n[^]*"items":\[\{"id":"\1","repeated":true\}[^]*"refused":0/,
    /"payment": 1\n[^]*"payment": 1\n[^]*exit code 2\n[^]*"payment": 2\n[^]*idempotent-replayed: true[^]* call\n/,
    /"done": 20[^]*Progress[^]*of 1000000\) reading[^]*Cancelled [^]*\{"done":\d+\}/,
    /shipping\/thank [^]*delivered[^]*shipping\/refund [^]*delivered[^]*succeeded[^]*succeeded[^]*"label":"L-7"/,
    /Paused rdr_[^]*paused[^]*Cancelled rdr_[^]*Accepted [23] invocations anew[^]* done [^]* cancelled /,
  ],
  "timers.md": [
    /greet told me hello[^]*Paused greet[^]*-01-01T07:00:00\.000Z[^]*"invocationId"[^]*paused/,
  ],
  "topics.md": [
    /hotel-9 costs 50[^]*hotel-8 2 attempts[^]*hotel-8 3 attempts[^]*Forgot 1[^]*store +prices +store +on +0 +- +0 +2 +0[^]*^3$[^]*prices +4 +3 /m,
    /^0:0$[^]*^3$/m,
  ],
};

holdExamples("documents of events", DOCUMENTS);
