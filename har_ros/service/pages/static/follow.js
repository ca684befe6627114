// Follows a job until it is over, then shows the page again, with what was found.
import { GONE, follow } from "./events.js";
import { left, renew, say } from "./page.js";
import { draw } from "./player.js";

const box = document.getElementById("follow");
const found = document.getElementById("found");
const state = document.getElementById("state");
const bar = document.getElementById("done");
const announced = document.getElementById("announced");
const WORDS = { receiving: "The video is still being sent.", queued: "Waiting until a worker is free." };
let stop = null; // null while the job is not followed
let said = "";
let windows = 0; // that are shown
let newest = null; // what is known of the job
let showing = false;
const PAUSE = 1000; // milliseconds between two looks at what was found
const LONGEST_PAUSE = 32 * PAUSE; // while the server answers with errors
let pause = PAUSE;

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

async function showFound() {
  if (showing || newest.windows === windows) return;
  showing = true;
  const there = newest.windows;
  try {
    await renew(found, `/jobs/${newest.id}/found`);
    windows = there;
    if (pause > PAUSE) say("");
    pause = PAUSE;
    draw();
  } catch (error) {
    if (GONE.includes(error.status)) return; // what follows the job says it
    pause = Math.min(2 * pause, LONGEST_PAUSE);
    say(`What was found cannot be shown: ${error.message}`);
  }
  setTimeout(() => {
    showing = false;
    if (stop) showFound();
  }, pause);
}

function take(job) {
  if (job.ended !== null) return location.reload();
  state.textContent = sentence(job);
  if (job.frames) bar.value = (100 * job.frames_done) / job.frames;
  else bar.removeAttribute("value");
  announce(job);
  newest = job;
  showFound();
}

function start() {
  const tell = (text) => text && (state.textContent = text); // while there is nothing to say, the progress is shown
  stop = follow(`/v1/jobs/${box.dataset.job}/events`, { progress: take }, tell);
}

function whileErased(event) {
  if (event.detail.requestConfig.verb !== "delete") return;
  if (event.type === "htmx:beforeRequest") {
    stop?.();
    stop = null;
  } else if (!event.detail.successful) start();
}

if (box) {
  document.addEventListener("htmx:beforeRequest", whileErased);
  document.addEventListener("htmx:afterRequest", whileErased);
  start();
}
