// Records takes with the webcam: counts down, records, sends, and again.
import { closeCamera, openCamera } from "./camera.js";
import { attach } from "./page.js";
import { addClips, complain, hush } from "./teach.js";

const SLICE = 100; // milliseconds after which the recorder gives what it has
const KINDS = ["video/webm;codecs=vp8", "video/webm", "video/mp4"];
const screen = document.getElementById("webcam");
const count = document.getElementById("count");
const form = document.getElementById("record");
const label = document.getElementById("label");
const start = document.getElementById("start");
const taken = document.getElementById("taken");
const stop = document.getElementById("stop");
let stopped = null; // resolves when Stop is pressed; null while nothing is recorded
let lost = null; // rejects when the webcam is taken away

function showClasses() {
  const chosen = label.value;
  label.replaceChildren(
    ...[...document.querySelectorAll(".class")].map((place) => new Option(place.dataset.class, place.dataset.class)),
  );
  if ([...label.options].some((one) => one.value === chosen)) label.value = chosen;
  start.disabled = stopped !== null || label.options.length === 0;
}

async function camera() {
  // Returns the webcam's pictures. Rejects with a sentence.
  if (!window.MediaRecorder) throw new Error("The browser cannot record; use a newer one.");
  screen.parentElement.hidden = false;
  const opened = await openCamera(screen, { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } });
  lost = opened.lost;
  return opened.stream;
}

function release() {
  closeCamera(screen);
  screen.parentElement.hidden = true;
}

function pause(milliseconds) {
  return Promise.race([new Promise((done) => setTimeout(done, milliseconds)), stopped, lost]);
}

async function countDown(what) {
  count.className = "";
  for (const number of [3, 2, 1]) {
    count.classList.toggle("words", number === 3);
    count.textContent = number === 3 ? `${what} in 3` : String(number);
    if (await pause(1000)) return false;
  }
  return true;
}

async function take(stream, seconds) {
  // Returns a file with what the webcam shows for so long, null when it was stopped.
  const kind = KINDS.find((one) => MediaRecorder.isTypeSupported(one));
  const recorder = new MediaRecorder(stream, { mimeType: kind, videoBitsPerSecond: 4e6 });
  const parts = [];
  const ended = new Promise((done, fail) => {
    recorder.onstop = done;
    recorder.onerror = () => fail(new Error("The webcam stopped; try again."));
  });
  const begun = new Promise((done) => {
    recorder.ondataavailable = ({ data }) => {
      parts.push(data);
      if (data.size) done(false);
    };
  });
  recorder.start(SLICE);
  const aborted = (await Promise.race([begun, stopped, lost])) || (await pause(1000 * seconds)); // a slow webcam shows nothing at first
  if (recorder.state !== "inactive") recorder.stop();
  await ended;
  const moment = new Date().toISOString().slice(0, 19).replace(/\D/g, "");
  return aborted ? null : new File(parts, `take-${moment}.${kind.startsWith("video/mp4") ? "mp4" : "webm"}`, { type: kind });
}

async function record(name, seconds, takes) {
  const stream = await camera();
  const group = document.getElementById("group").value.trim();
  for (let number = 1; number <= takes; number += 1) {
    if (!(await countDown(`${name}, take ${number} of ${takes},`))) return;
    count.className = "taking";
    count.textContent = "● NOW";
    const file = await take(stream, seconds);
    count.textContent = "";
    if (!file) return;
    taken.textContent = `Adding take ${number} of ${takes} …`;
    await addClips(name, [file], group, () => {});
    taken.textContent = `${number} clip${number === 1 ? "" : "s"} added to ${name}.`;
  }
}

attach(form, async () => {
  const [seconds, takes] = ["seconds", "takes"].map((name) => Number(document.getElementById(name).value));
  stopped = new Promise((done) => (stop.onclick = () => done(true)));
  hush();
  taken.textContent = "";
  start.disabled = true;
  stop.hidden = false;
  stop.focus();
  try {
    await record(label.value, seconds, takes);
  } catch (error) {
    if (taken.textContent.startsWith("Adding")) taken.textContent = "";
    complain(error.message, form);
  } finally {
    release();
    stopped = null;
    count.textContent = "";
    stop.hidden = true;
    showClasses();
    start.focus();
  }
});

document.addEventListener("classes", showClasses);
window.addEventListener("pagehide", release);
showClasses();
