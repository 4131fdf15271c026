// The stream of states: opened, watched, opened again. Knows nothing of what a state says.
//
// EventSource cannot send a key, so the events are read from fetch.

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30000;
const SILENCE_MS = 40000; // the server says something every 15 s, if only that it lives
const KEY_STORE = "canopy-key";

/** An answer that is no state: its status, what it says, when to come back. */
class Refusal extends Error {
  constructor(response, body) {
    super(body.detail ?? body.title ?? `the answer was ${response.status}`);
    this.status = response.status;
    this.waitMs = Number(response.headers.get("Retry-After")) * 1000 || 0;
  }
}

export const key = {
  read: () => sessionStorage.getItem(KEY_STORE),
  keep: (value) => sessionStorage.setItem(KEY_STORE, value),
  forget: () => sessionStorage.removeItem(KEY_STORE),
};

export class Connection {
  #stop = new AbortController();
  #wake = () => {};

  /**
   * `onState(state)` gets each state. `onChange(change)` gets `{ kind, error }` with the kind
   * connecting, live, away (tries again), refused (by status; `isFinal`: does not try again).
   */
  constructor({ onState, onChange }) {
    Object.assign(this, { onState, onChange });
  }

  /** Follows the states of `choice` (`{ model, window }`, both optional), and no others. */
  open(choice) {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#follow(choice, this.#stop.signal);
  }

  /** Ends the wait for the next attempt. */
  retry() {
    this.#wake();
  }

  async #follow(choice, signal) {
    const query = new URLSearchParams(Object.entries(choice).filter(([, value]) => value));
    let failures = 0;
    while (!signal.aborted) {
      let error;
      try {
        this.onChange({ kind: "connecting" });
        await this.#read(query, signal, () => (failures = 0));
        error = new Error("the stream ended");
      } catch (caught) {
        error = caught;
      }
      if (signal.aborted) return;
      const isFinal = [400, 401, 403, 404, 422].includes(error.status);
      this.onChange({ kind: error.status ? "refused" : "away", error, isFinal });
      if (isFinal) return;
      const wait = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS);
      failures += 1;
      // Spread, so that the pages that a restart has cut off do not come back as one.
      await this.#sleep(Math.max(error.waitMs ?? 0, wait * (0.5 + Math.random() / 2)));
    }
  }

  async #read(query, signal, onSuccess) {
    const silence = new AbortController();
    const both = AbortSignal.any([signal, silence.signal]);
    let timer;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(new Error("the stream fell silent")), SILENCE_MS);
    };
    heard();
    try {
      const stream = await ask(`api/stream?${query}`, both);
      // The present state comes at once, the others as they are made.
      for await (const { event, data } of events(stream.body, heard)) {
        if (event !== "state" || signal.aborted) continue;
        onSuccess();
        this.onState(JSON.parse(data));
        this.onChange({ kind: "live" });
      }
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }

  #sleep(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

async function ask(url, signal) {
  const headers = key.read() ? { "X-API-Key": key.read() } : {};
  const response = await fetch(url, { headers, signal, cache: "no-store" });
  if (response.ok) return response;
  throw new Refusal(response, await response.json().catch(() => ({})));
}

/** The events of a stream: blocks of lines that end with an empty one; comments are left out. */
async function* events(body, onChunk) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    onChunk();
    const blocks = (text + value).replaceAll("\r\n", "\n").split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = block.split("\n").map((line) => /^(\w+): ?(.*)$/.exec(line)).filter(Boolean);
      const data = fields.filter(([, name]) => name === "data").map(([, , value]) => value);
      const event = fields.find(([, name]) => name === "event")?.[2] ?? "message";
      if (data.length > 0) yield { event, data: data.join("\n") };
    }
  }
}
