// The robot's cameras: keeps the lists beside the images, and asks for the cameras again when they change.
import { follow } from "./events.js";
import { forgetRunning, noteEvent, showActions } from "./happenings.js";
import { who } from "./page.js";

const GONE = 2; // seconds without a word of a person, by the stamps of images, which a robot's clock may set back

const happenings = document.getElementById("happenings");
const line = document.getElementById("line");
const lists = new Map(); // of each camera, by who does it: {actions, end}
let cameras = null;
let drawing = false;

function time(seconds) {
  return new Date(1000 * seconds).toLocaleTimeString();
}

function draw() {
  drawing = false;
  for (const figure of document.querySelectorAll("[data-camera]")) {
    const list = figure.querySelector(".actions");
    list.replaceChildren();
    const said = lists.get(figure.dataset.camera) || new Map();
    for (const [person, { actions }] of said) {
      showActions(list, actions, person ? `${who(person)}: ` : "");
    }
  }
}

function onWindow(window) {
  const said = lists.get(window.camera) || new Map();
  lists.set(window.camera, said);
  said.set(window.person, window);
  for (const [person, { end }] of said) if (person && Math.abs(window.end - end) > GONE) said.delete(person);
  if (!drawing) {
    drawing = true;
    requestAnimationFrame(draw);
  }
}

function onState(state) {
  const now = JSON.stringify([state.running, state.cameras]);
  if (cameras !== null && cameras !== now) {
    lists.clear();
    htmx.trigger(document.body, "cameras");
  }
  cameras = now;
}

// Images that go on for ever would keep the page from being loaded, and a browser has few connections to a server: the
// cameras are watched while the page can be seen, and what is removed from it has no image any more.
function watch() {
  if (document.hidden) return unwatch();
  for (const image of document.querySelectorAll("[data-source]")) image.src ||= image.dataset.source;
}

function unwatch() {
  for (const image of document.querySelectorAll("[data-source]")) image.removeAttribute("src");
}

if (document.readyState === "complete") watch();
else addEventListener("load", watch);
document.addEventListener("htmx:beforeSwap", unwatch);
document.addEventListener("htmx:afterSwap", watch);
document.addEventListener("visibilitychange", watch);
addEventListener("pagehide", unwatch);

function say(text) {
  // Without a connection nothing is shown as if it were now. An image that ended with it begins again only if it was gone.
  if (text) {
    unwatch();
    lists.clear();
    draw();
    forgetRunning(happenings);
  } else if (line.textContent) {
    watch();
  }
  line.textContent = text;
}

const takers = {
  state: onState,
  window: onWindow,
  event: (happened) => noteEvent(happenings, happened, `${happened.camera}: `, time(happened.start)),
};
follow("/v1/live/events", takers, say, () => forgetRunning(happenings));
