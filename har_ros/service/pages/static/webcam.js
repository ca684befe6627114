// The visitor's webcam: images go to the server at the network's rate, what they show comes back as events.
import { closeCamera, openCamera } from "./camera.js";
import { forgetRunning, noteEvent, showActions } from "./happenings.js";
import { options } from "./options.js";
import { drawPeople } from "./overlay.js";
import { ask, attach } from "./page.js";

const QUALITY = 0.85;
const OFF = "The webcam is off.";
const [video, overlay, form, start, stop, figures, actions, happenings] =
  ["video", "overlay", "settings", "start", "stop", "figures", "actions", "happenings"].map((id) => document.getElementById(id));
const picture = document.createElement("canvas"); // what is sent
let running = null; // the stream: {path, source, timer, busy, sent, left, side, limbs}

function say(text, wrong = false) {
  const status = document.getElementById("status");
  status.textContent = text;
  status.className = wrong ? "bad" : "";
}

async function begin() {
  start.disabled = true;
  try {
    say("Asking for the webcam …");
    const { lost } = await openCamera(video, { width: { ideal: 1280 } });
    say("Loading the network …");
    follow(await ask("POST", "/v1/streams", { options: options(form) }).catch(refuse));
    const begun = running;
    lost.catch((error) => running === begun && leave(error.message)); // also while the stream was asked for
  } catch (error) {
    end(error.message);
  }
}

function refuse(error) {
  throw new Error(`No stream: ${error.message}`);
}

function follow(stream) {
  const path = `/v1/streams/${encodeURIComponent(stream.id)}`;
  const source = new EventSource(`${path}/events`);
  running = { path, source, busy: false, sent: 0, left: 0 };
  stop.disabled = false;
  source.addEventListener("state", (event) => onState(JSON.parse(event.data)));
  source.addEventListener("answer", (event) => onAnswer(JSON.parse(event.data)));
  // a browser that leaves the page closes it before the page is hidden
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) leave("The stream has ended; start again.", true); });
}

function onState(state) {
  if (state.state === "ended") end(state.error ? `The stream has ended: ${state.error}` : OFF);
  if (state.state !== "ready" || running.timer) return;
  Object.assign(running, { limbs: state.limbs, side: state.side });
  say(`${state.model} looks at ${state.rate.toFixed(0)} images a second; its first window is filling.`);
  running.timer = setInterval(send, 1000 / state.rate);
}

// Draw the newest image as small as the network takes it: its shape changes when a phone is turned.
function draw() {
  const scale = Math.min(1, running.side / Math.min(video.videoWidth, video.videoHeight));
  picture.width = Math.round(scale * video.videoWidth);
  picture.height = Math.round(scale * video.videoHeight);
  picture.getContext("2d").drawImage(video, 0, 0, picture.width, picture.height);
}

// Send the newest image; none while one is on its way, so that they never queue.
function send() {
  const stream = running;
  if (!stream) return;
  if (stream.busy) {
    stream.left += 1;
    return;
  }
  stream.busy = true;
  const seconds = performance.now() / 1000;
  draw();
  picture.toBlob(async (image) => {
    try {
      const { taken } = await ask("POST", `${stream.path}/frames`, image, { "Capture-Time": seconds.toFixed(4) });
      taken ? (stream.sent += 1) : (stream.left += 1);
    } catch (error) {
      if (running === stream) say(error.message, true);
    }
    stream.busy = false;
  }, "image/jpeg", QUALITY);
}

function onAnswer(answer) {
  if (!running) return;
  if (answer.error) return say(answer.error, true);
  drawPeople(overlay, answer, running.limbs);
  if (answer.window) {
    say("Running.");
    running.said = answer.window;
  }
  if (answer.fill < answer.length && !running.said) say(`The first window is filling: ${answer.fill} of ${answer.length} images.`);
  const late = performance.now() / 1000 - answer.stamp;
  const took = running.said ? `, of which the network takes ${running.said.inference_time.toFixed(2)} s` : "";
  figures.textContent =
    `${running.sent} images sent, ${running.left + answer.dropped} left out; ${late.toFixed(2)} s behind${took}`;
  actions.replaceChildren();
  if (running.said) showActions(actions, running.said.actions);
  for (const person of answer.persons) showActions(actions, person.actions, `person ${person.number}: `);
  for (const event of answer.events) {
    const clock = new Date(Date.now() - performance.now() + 1000 * event.start).toLocaleTimeString();
    noteEvent(happenings, event, "", clock);
  }
}

function end(text) {
  if (running) {
    clearInterval(running.timer);
    running.source.close();
  }
  running = null;
  closeCamera(video);
  overlay.width = overlay.height = 0;
  start.disabled = false;
  stop.disabled = true;
  actions.replaceChildren();
  figures.textContent = "";
  forgetRunning(happenings);
  say(text, text !== OFF);
}

function leave(text, keepalive = false) {
  // keepalive: also while the page is left. Without it, the stream ends a little later.
  fetch(running.path, { method: "DELETE", keepalive }).catch(() => {});
  end(text);
}

attach(form, begin);
stop.addEventListener("click", () => leave(OFF));
addEventListener("pagehide", () => running && leave(OFF, true));
