// Server-sent events, while the page can be seen: a browser has few connections to a server, so that pages nobody looks at
// take none.
import { ask } from "./page.js";

const PAUSES = [1, 2, 4, 8, 16, 30]; // seconds before another try, while the server answers with errors
export const GONE = [404, 410]; // answers that another try does not change

// Follows the events of an address that ends in /events, of what can be asked for without it. takers: what takes the data
// of each kind of event. say: called with what is wrong with the connection, or nothing. opened: called before each
// connection. Returns what stops it, for good.
export function follow(address, takers, say, opened = () => {}) {
  let source = null;
  let timer = null;
  let failed = 0; // tries since the last connection

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function open() {
    close();
    if (document.hidden) return;
    opened();
    source = new EventSource(address);
    for (const [kind, take] of Object.entries(takers)) {
      source.addEventListener(kind, (event) => take(JSON.parse(event.data)));
    }
    source.onopen = () => {
      failed = 0;
      say("");
    };
    source.onerror = () => (source.readyState === EventSource.CLOSED ? refused(source) : say("Connecting again …"));
  }

  async function refused(closed) {
    // A browser tries again when a connection is lost, but not after an error, and does not tell which one it was.
    const error = await ask("GET", address.replace(/\/events$/, "")).then(() => null, (error) => error);
    if (source !== closed) return; // it was stopped, or opened again, meanwhile
    const why = error ? error.message : "the server does not send what happens; if many pages follow something, close some";
    if (GONE.includes(error?.status)) return say(`This cannot be followed any more: ${why}.`);
    const seconds = PAUSES[Math.min(failed, PAUSES.length - 1)];
    failed += 1;
    timer = setTimeout(open, 1000 * seconds);
    say(`Not connected: ${why}. Trying again in ${seconds} s.`);
  }

  document.addEventListener("visibilitychange", open);
  open();
  return () => {
    document.removeEventListener("visibilitychange", open);
    close();
  };
}
