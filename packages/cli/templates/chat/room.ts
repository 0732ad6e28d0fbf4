/** Who is here and what was said. Everything that comes from a member is bounded. */

interface Said {
  readonly name: string;
  readonly text: string;
  readonly at: number;
}

const HISTORY_MAX = 50;
const NAME_CHARS_MAX = 24;
const TEXT_CHARS_MAX = 500;
/** A member who does not take what is said is asked to come again. */
const WAITING_BYTES_MAX = 1 << 18;

export class Room {
  readonly #members = new Set<WebSocket>();
  readonly #history: Said[] = [];

  welcome(socket: WebSocket): void {
    socket.addEventListener("open", () => {
      this.#members.add(socket);
      socket.send(JSON.stringify({ history: this.#history }));
      this.#tell({ members: this.#members.size });
    });
    socket.addEventListener("close", () => {
      if (this.#members.delete(socket)) this.#tell({ members: this.#members.size });
    });
    socket.addEventListener("message", ({ data }) => {
      const said = read(data);
      if (said === undefined) return socket.close(1008, "That was no message.");
      this.#history.push(said);
      if (this.#history.length > HISTORY_MAX) this.#history.shift();
      this.#tell({ said });
    });
  }

  #tell(news: object): void {
    const text = JSON.stringify(news);
    for (const member of this.#members) {
      if (member.bufferedAmount > WAITING_BYTES_MAX) member.close(1013, "Too slow; come again.");
      else member.send(text);
    }
  }
}

function read(data: unknown): Said | undefined {
  try {
    const { name, text } = JSON.parse(String(data)) as { name?: unknown; text?: unknown };
    if (typeof name !== "string" || typeof text !== "string" || text.trim() === "") return undefined;
    const shown = name.trim().slice(0, NAME_CHARS_MAX) || "somebody";
    return { name: shown, text: text.slice(0, TEXT_CHARS_MAX), at: Date.now() };
  } catch {
    return undefined;
  }
}
