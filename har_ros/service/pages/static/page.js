// On every page: times as the visitor's own, and the API's sentence when a request of htmx fails.
export async function sentence(answer) {
  // What a failed answer says, a problem (RFC 9457) or anything else.
  const text = await answer.text();
  return detail(text) || `the server answers ${answer.status}; try again`;
}

export function detail(text) {
  try {
    return JSON.parse(text).detail || "";
  } catch {
    return "";
  }
}

export function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  return `${Math.floor(tenths / 600)}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}

export function left(seconds) {
  // How long something takes yet, for people.
  if (seconds < 90) return `${Math.ceil(seconds)} s left`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min left` : `${(seconds / 3600).toFixed(1)} h left`;
}

const FORMAT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function showTimes() {
  for (const time of document.querySelectorAll("time")) time.textContent = FORMAT.format(new Date(time.dateTime));
}

function say(text) {
  document.getElementById("said").textContent = text;
}

document.addEventListener("htmx:afterSwap", showTimes);
document.addEventListener("htmx:sendError", () => say("The server cannot be reached."));
document.addEventListener("htmx:responseError", (event) => {
  const request = event.detail.xhr;
  say(detail(request.responseText) || `The server answers ${request.status}.`);
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful) return;
  say("");
  if (event.detail.requestConfig.verb !== "delete") return;
  const next = event.target.dataset.next;
  if (next) location.assign(next);
  document.getElementById("history-title")?.focus();
  window.htmx.trigger(document.body, "changed");
});
showTimes();
