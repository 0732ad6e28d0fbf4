/** The examples of the documents on code, its releases and what it reaches. */
import { holdExamples } from "./examples.ts";

/** What the examples of each document print, in order. */
const DOCUMENTS: Readonly<Record<string, readonly RegExp[]>> = {
  "api.md": [
    /"reason":"[A-Z_]+"[^]*401\n[^]*"reason":"[A-Z_]+"[^]*404\n/,
    /"items":\[\{"id":"key_/,
    / 201 [^]*replayed: true[^]*"reason":"[A-Z_]+"/i,
    /304\n412\n204\n/,
  ],
  "builds.md": [/parts bundling\n.*parts loading it once/, /"?Hello, Ada!"?/],
  "cli.md": [/"items": ?\[\]/, /Hello, Ada!"?\nexit code \d+\n/],
  "config.md": [/Good morning[^]*256[^]*timeOutMs[^]*timeoutMs/],
  "functions.md": [/Hello, Ada!/, /POST \/invoke/, /heard: Is anybody here\?/, /^1$/m],
  "insight.md": [
    /REPORT [^]*OUTCOME[^]*insight\/greeter +2 [^]*createDeployment[^]*outcome="ok"\} 2\n/,
  ],
  "gateway-apis.md": [
    /\+ api web +create[^]*web test +http[^]*\/courses\/art, plain\n[^]*as publication 1\.\n\/courses\/art, spring\n[^]*~ api web +change routes[^]*release → draft\n- \* \/old\/[^]*as publication 2\.\n\/courses\/art, summer\n[^]*what publication 1 had, as publication 3[^]*back to 1 [^]*too warm[^]*the first one/,
  ],
  "limits.md": [/200 200 429/, /concurrency +200/, /COST USD|Nothing was used/],
  "network.md": [/"cents": ?700/],
  "runtimes.md": [
    /from Node, Ada![^]*from Python, Ada![^]*from PHP, Ada!/,
    /^"Timer says hi"\nFC says hi\nexit code \d+$/m,
    /<p>Hello Ada, you asked for \/menu<\/p>\nGET \/menu from Ada\nFC was asked for \/menu by Ada\n/,
  ],
  "releases.md": [
    /release +100 % +done[^]*Says version 1[^]*planned[^]*web\/release +to come: publication 2 of draft, before: 1; routes \+1 -0 ~0[^]*Approved rel_[^]*Aborted rel_[^]*aborted[^]*Says version 1[^]*exit code \d+[^]*release +100 % +done[^]*Says version 2\.\nSays version 2[^]* done\n[^]* aborted\n[^]* done\n/,
  ],
  "versions.md": [
    /costs 5, says version 1[^]*costs 3, says version 2[^]*costs 3, says version 2[^]*back to change 1: it costs too much[^]*it sells[^]*Removed delivery\/buy:2/,
  ],
  "secrets.md": [/"passwordChars": 28[^]*"tea": 300[^]*"tea": 250[^]*is in use/],
};

holdExamples("documents", DOCUMENTS);
