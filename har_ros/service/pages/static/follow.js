// Follows a job until it is over, then shows the page again, with what was found.
import { follow } from "./events.js";
import { left } from "./page.js";
import { draw } from "./player.js";

const box = document.getElementById("follow");
const state = document.getElementById("state");
const bar = document.getElementById("done");
const announced = document.getElementById("announced");
const WORDS = { receiving: "The video is still being sent.", queued: "Waiting until a worker is free." };
let stop = null;
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
  try {
    await window.htmx.ajax("GET", `/jobs/${job.id}/found`, "#found");
    windows = job.windows;
    draw();
  } catch {
    // page.js says why; the next look is the next try
  }
  setTimeout(() => (showing = false), PAUSE);
}

function take(job) {
  if (job.ended !== null) return location.reload();
  state.textContent = sentence(job);
  if (job.frames) bar.value = (100 * job.frames_done) / job.frames;
  else bar.removeAttribute("value");
  announce(job);
  showFound(job);
}

function start() {
  const say = (text) => text && (state.textContent = text); // while there is nothing to say, the progress is shown
  stop = follow(`/v1/jobs/${box.dataset.job}/events`, { progress: take }, say);
}

function whileErased(event) {
  if (event.detail.requestConfig.verb !== "delete") return;
  if (event.type === "htmx:beforeRequest") stop();
  else if (!event.detail.successful) start();
}

if (box) {
  document.addEventListener("htmx:beforeRequest", whileErased);
  document.addEventListener("htmx:afterRequest", whileErased);
  start();
}
