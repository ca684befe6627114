// Server-sent events, while the page can be seen: a browser has few connections to a server, so that pages nobody looks at
// take none.

// Follows the events of an address. takers: what takes the data of each kind of event. say: called with what is wrong with
// the connection, or nothing. opened: called before each connection. Returns what stops it, for good.
export function follow(address, takers, say, opened = () => {}) {
  let source = null;

  function open() {
    source?.close();
    if (document.hidden) return;
    opened();
    source = new EventSource(address);
    for (const [kind, take] of Object.entries(takers)) {
      source.addEventListener(kind, (event) => take(JSON.parse(event.data)));
    }
    source.onopen = () => say("");
    source.onerror = () => {
      const gone = source.readyState === EventSource.CLOSED;
      say(gone ? "This cannot be followed any more; reload the page." : "Connecting again …");
    };
  }

  document.addEventListener("visibilitychange", open);
  open();
  return () => {
    document.removeEventListener("visibilitychange", open);
    source?.close();
  };
}
