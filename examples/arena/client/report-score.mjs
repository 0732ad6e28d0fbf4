// A player's client: node report-score.mjs GATEWAY SCORE < ticket.json
// The ticket is what `skerry tickets issue --json` prints. Each request is signed for itself.
import { createHash, createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

function ticketHeader({ ticket, secret }, { method, path, body }) {
  const time = Math.floor(Date.now() / 1000);
  const nonce = randomBytes(16).toString("base64url");
  const digest = createHash("sha256").update(body).digest("hex");
  const text = ["skerry-ticket-1", method, path, time, nonce, digest].join("\n");
  const signature = createHmac("sha256", secret).update(text).digest("base64url");
  return ["v1", ticket, time, nonce, signature].join(",");
}

const [gateway, score] = process.argv.slice(2);
const path = "/-/arena/actions/report-score";
const body = JSON.stringify({ score: Number(score) });
const header = ticketHeader(JSON.parse(readFileSync(0, "utf8")), { method: "POST", path, body });
const answer = await fetch(gateway + path, {
  method: "POST",
  headers: { "content-type": "application/json", "x-skerry-ticket": header },
  body,
});
console.log(answer.status, await answer.text());
