// On every page: requests to the API, times in the visitor's time zone, and the API's sentence when a request of htmx fails.
const LOGIN = "/login";

export let loggedOut = false; // and on the way to the page to log in

// Sends a request to the server. body: a form, an image, or what becomes JSON. Resolves to the answer's JSON or HTML, null
// where it has none; rejects with an Error that has the server's sentence.
export async function ask(method, address, body, headers = {}) {
  const raw = body === undefined || body instanceof FormData || body instanceof Blob;
  const json = raw ? {} : { "Content-Type": "application/json" };
  let answer;
  try {
    answer = await fetch(address, { method, body: raw ? body : JSON.stringify(body), headers: { ...json, ...headers } });
  } catch {
    throw new Error("the server cannot be reached; try again");
  }
  if (!answer.ok) throw failure(answer.status, await answer.text());
  if (answer.status === 204) return null;
  return answer.headers.get("Content-Type")?.startsWith("text/html") ? answer.text() : answer.json();
}

// Lets a form do its work. Its buttons are disabled in the HTML, so that none is pressed before that, which would load the page anew.
export function attach(form, submit) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(event);
  });
  for (const one of form.elements) if (one.type === "submit") one.disabled = false;
}

// Shows a part of the page as the server has it now. Rejects as `ask` does.
export async function renew(place, address) {
  place.innerHTML = await ask("GET", address);
  showTimes();
}

// Returns the Error of a failed answer, which is a problem (RFC 9457) or anything else, with the answer's status. A visitor
// who is logged out is sent to the page to log in.
export function failure(status, text) {
  if (status === 401) {
    loggedOut = true;
    location.assign(LOGIN);
  }
  return Object.assign(new Error(detail(text) || `the server answers ${status}; try again`), { status });
}

function detail(text) {
  try {
    return JSON.parse(text).detail || "";
  } catch {
    return "";
  }
}

// Returns what a person is called, empty for the whole image. person: an id such as cam01_person_3.
export function who(person) {
  return person ? `person ${person.split("_").pop()}` : "";
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
  for (const option of document.querySelectorAll("option[data-created]")) {
    const { created } = option.dataset; // an option holds text only
    option.textContent = option.textContent.replace(created, FORMAT.format(new Date(created)));
  }
}

export function say(text) {
  document.getElementById("said").textContent = text;
}

function done(event) {
  if (!event.detail.successful) return;
  say("");
  if (event.detail.requestConfig.verb !== "delete") return;
  const next = event.target.dataset.next;
  if (next) location.assign(next);
  document.getElementById("history-title")?.focus();
  window.htmx.trigger(document.body, "changed");
}

document.addEventListener("htmx:afterSwap", showTimes);
// a button of htmx is disabled in the HTML of a whole page, so that none is pressed before it does its work
document.addEventListener("htmx:afterProcessNode", ({ target }) => {
  if (target.matches("button")) target.disabled = false;
});
document.addEventListener("htmx:sendError", () => say("The server cannot be reached."));
document.addEventListener("htmx:responseError", (event) => {
  const request = event.detail.xhr;
  say(failure(request.status, request.responseText).message);
});
document.addEventListener("htmx:beforeRequest", ({ target }) => {
  target.addEventListener("htmx:afterRequest", done, { once: true }); // another answer may replace it meanwhile
});
// a browser shows what is wrong with a field only where the field can be seen
document.addEventListener("invalid", (event) => event.target.closest("details")?.setAttribute("open", ""), true);
showTimes();
