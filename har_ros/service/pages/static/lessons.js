// Starts and follows checks and trainings.
import { follow } from "./events.js";
import { ask, attach, renew } from "./page.js";
import { complain, hush } from "./teach.js";

const form = document.getElementById("lesson");
const box = document.getElementById("running");
const doing = document.getElementById("doing");
const bar = document.getElementById("done");
const announced = document.getElementById("announced");
const log = document.getElementById("log");
const cancel = document.getElementById("cancel");
const [check, teach] = form.querySelectorAll("button[name=kind]");
const LINES = 300;
let running = form.dataset.running || ""; // the address of what runs
let elsewhere = form.dataset.elsewhere || ""; // what runs, of another dataset
let stop = () => {};

function lacking() {
  // What keeps a network from being taught; empty for nothing.
  const classes = [...document.querySelectorAll(".class")];
  const empty = classes.filter((one) => one.dataset.clips === "0").map((one) => one.dataset.class);
  if (!form.dataset.own && (empty.length || classes.length < 2)) return "To teach, give this folder of the server a folder with clips for each of at least two classes.";
  if (empty.length) return `To teach, add clips to ${empty.join(", ")}, or erase ${empty.length > 1 ? "these classes" : "this class"}.`;
  return classes.length < 2 ? "To teach, make at least two classes, such as waving and none (anything else)." : "";
}

function showLacking() {
  const text = lacking();
  document.getElementById("lacking").textContent = text;
  teach.disabled = !box.hidden || text !== "";
}

function showPeople() {
  form.elements.person.disabled = !form.elements.model.selectedOptions[0]?.dataset.people;
}

function options() {
  const { model, name, person, background, mirror } = form.elements;
  const given = { model: model.value, name: name.value.trim(), background: background.value, mirror: mirror.checked };
  return person.disabled ? given : { ...given, person: person.value };
}

function show(active) {
  box.hidden = !active;
  check.disabled = active;
  showLacking();
}

function take(lesson) {
  const what = elsewhere ? `${elsewhere}: ${lesson.doing}` : lesson.doing[0].toUpperCase() + lesson.doing.slice(1);
  doing.textContent = lesson.total ? `${what}: ${lesson.done} of ${lesson.total}` : what;
  if (lesson.total) bar.value = lesson.done / lesson.total;
  else bar.removeAttribute("value");
  const tenth = lesson.total ? ` ${10 * Math.floor((10 * lesson.done) / lesson.total)} %` : "";
  if (announced.textContent !== what + tenth) announced.textContent = what + tenth;
  if (lesson.log.length) log.textContent = [...log.textContent.split("\n").filter(Boolean), ...lesson.log].slice(-LINES).join("\n");
  if (lesson.ended !== null) over(lesson);
}

async function over(lesson) {
  stop();
  const what = elsewhere || `The ${lesson.kind}`;
  running = elsewhere = "";
  const here = box.contains(document.activeElement) || document.activeElement === document.body;
  show(false);
  await showResults();
  announced.textContent = lesson.state === "failed" ? `${what} failed.` : `${what} is ${lesson.state}.`;
  const title = document.getElementById(`${lesson.kind}-title`);
  if (here && title) {
    title.tabIndex = -1;
    title.focus();
  }
}

function showResults() {
  return renew(document.getElementById("results"), form.dataset.results).catch((error) => complain(error.message, form));
}

function start() {
  show(true);
  cancel.disabled = false;
  cancel.hidden = elsewhere !== "";
  const say = (text) => text && (doing.textContent = text);
  stop = follow(`${running}/events`, { progress: take }, say, () => (log.textContent = ""));
}

async function begin({ submitter }) {
  const address = `${form.dataset.address}/${submitter?.value || "check"}`;
  hush();
  show(true);
  doing.textContent = "Starting";
  bar.removeAttribute("value");
  cancel.disabled = true; // nothing runs yet
  try {
    await ask("POST", address, options());
    running = address;
    start();
    cancel.focus();
  } catch (error) {
    show(false);
    submitter?.focus();
    complain(error.message, form);
  }
}

attach(form, begin);
cancel.addEventListener("click", () => {
  ask("DELETE", running).catch((error) => complain(error.message, form));
});
form.elements.model.addEventListener("change", showPeople);
document.addEventListener("classes", () => {
  showLacking();
  if (document.getElementById("check")) showResults(); // which says whether its clips are those of now
});
showPeople();
if (running) start();
else show(false);
