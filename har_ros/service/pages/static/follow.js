// Follows a job until it is over, then shows the page again, with what was found.
import { left } from "./page.js";
import { draw } from "./player.js";

const box = document.getElementById("follow");
const state = document.getElementById("state");
const bar = document.getElementById("done");
const announced = document.getElementById("announced");
const WORDS = { receiving: "The video is still being sent.", queued: "Waiting until a worker is free." };
let events = null;
let said = "";
let windows = 0; // that are shown
let showing = false;
const PAUSE = 1000; // milliseconds between two looks at what was found

function sentence(job) {
  if (job.state !== "running") return WORDS[job.state] || "";
  if (!job.frames) return job.frames_done ? `Frame ${job.frames_done}` : "Getting ready";
  const time = job.seconds_left ? `, ${left(job.seconds_left)}` : "";
  return `${Math.floor((100 * job.frames_done) / job.frames)} %${time}`;
}

function announce(job) {
  // A screen reader says each tenth only.
  const tenth = job.frames ? Math.floor((10 * job.frames_done) / job.frames) : 0;
  if (said === `${job.state} ${tenth}`) return;
  said = `${job.state} ${tenth}`;
  announced.textContent = sentence(job);
}

async function showFound(job) {
  if (showing || job.windows === windows) return;
  showing = true;
  windows = job.windows;
  await window.htmx.ajax("GET", `/jobs/${job.id}/found`, "#found");
  draw();
  setTimeout(() => (showing = false), PAUSE);
}

function take(event) {
  const job = JSON.parse(event.data);
  if (job.ended !== null) return location.reload();
  state.textContent = sentence(job);
  if (job.frames) bar.value = (100 * job.frames_done) / job.frames;
  else bar.removeAttribute("value");
  announce(job);
  showFound(job);
}

function follow() {
  // a browser has few connections to a server, so that pages nobody looks at take none
  events?.close();
  if (document.hidden) return;
  events = new EventSource(`/v1/jobs/${box.dataset.job}/events`);
  events.addEventListener("progress", take);
  events.onerror = () => {
    const gone = events.readyState === EventSource.CLOSED;
    state.textContent = gone ? "The job cannot be followed any more; reload the page." : "Connecting again …";
  };
}

function whileErased(event) {
  if (event.detail.requestConfig.verb !== "delete") return;
  if (event.type === "htmx:beforeRequest") events?.close();
  else if (!event.detail.successful) follow();
}

if (box) {
  document.addEventListener("htmx:beforeRequest", whileErased);
  document.addEventListener("htmx:afterRequest", whileErased);
  document.addEventListener("visibilitychange", follow);
  follow();
}
