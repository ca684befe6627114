// The form of the first page: videos are sent one after the other, and become jobs.
import { options, start } from "./options.js";
import { attach, left, loggedOut } from "./page.js";
import { Upload, interrupted } from "./tus.js";

const form = document.getElementById("send");
const video = document.getElementById("video");
const link = document.getElementById("link"); // where the server follows links
const drop = form.querySelector(".drop");
const sending = document.getElementById("sending");
const bar = document.getElementById("sent");
const how = document.getElementById("sending-how");
const problem = document.getElementById("problem");
const button = form.querySelector("button");
const REFUSED = [413, 415]; // answers that concern one video: too large, or none
let upload = null;

function megabytes(bytes) {
  if (bytes < 1e5) return `${Math.ceil(bytes / 1000)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

function begin(file, number, count) {
  const began = performance.now();
  let first = null;
  const progress = (bytes) => {
    first ??= bytes;
    bar.value = file.size ? (100 * bytes) / file.size : 100;
    const rate = (bytes - first) / (performance.now() - began);
    const time = rate > 0 && bytes < file.size ? `, ${left((file.size - bytes) / rate / 1000)}` : "";
    how.textContent = `${megabytes(bytes)} of ${megabytes(file.size)}${time}`;
  };
  const trouble = (text) => (problem.textContent = text);
  document.getElementById("sending-what").textContent =
    `Sending ${file.name}${count > 1 ? ` (${number} of ${count})` : ""}`;
  bar.value = 0;
  return new Upload(file, progress, trouble);
}

function choose(files) {
  const chosen = new DataTransfer();
  for (const file of files) chosen.items.add(file);
  video.files = chosen.files;
  showFiles();
}

async function sendAll(files, given, refused) {
  // Makes jobs of the link and of the files; what was sent is chosen no more. refused: takes why others were refused.
  // Resolves to the jobs. Rejects with an Error, or with null when it was cancelled.
  const jobs = [];
  let rest = files;
  if (link?.value) {
    jobs.push(await start({ url: link.value, options: given }));
    link.value = "";
  }
  for (const [place, file] of files.entries()) {
    if (!file.size) {
      refused.push(`${file.name} is empty; choose another video`);
      continue;
    }
    upload = begin(file, place + 1, files.length);
    showInterrupted();
    let sent = null;
    try {
      sent = await upload.run();
      jobs.push(await start({ upload: sent, options: given }));
    } catch (error) {
      if (!REFUSED.includes(error?.status)) throw error;
      refused.push(error.message.startsWith(file.name) ? error.message : `${file.name}: ${error.message}`);
      if (sent === null) continue; // else the server has looked at it, and erased it
    }
    upload.forget();
    rest = rest.filter((one) => one !== file);
    choose(rest);
    window.htmx.trigger(document.body, "changed");
  }
  return jobs;
}

function busy(whether) {
  sending.hidden = !whether || !video.files.length;
  for (const input of [button, video, link]) if (input) input.disabled = whether;
}

attach(form, async () => {
  problem.textContent = "";
  if (!video.files.length && !link?.value) {
    problem.textContent = "Choose a video first, or drop it here.";
    return video.focus();
  }
  busy(true);
  const wrong = [];
  let cancelled = false;
  try {
    const jobs = await sendAll([...video.files], options(form), wrong);
    upload = null;
    if (jobs.length === 1 && !wrong.length) location.assign(`/jobs/${jobs[0]}`);
  } catch (error) {
    cancelled = error === null;
    if (error) wrong.push(error.message);
  } finally {
    problem.textContent = wrong.join(". ");
    upload = null;
    showInterrupted();
    busy(false);
    if (cancelled) video.focus();
  }
});

document.getElementById("stop").addEventListener("click", () => upload?.cancel());

function showFiles() {
  const names = [...video.files].map((file) => `${file.name} (${megabytes(file.size)})`);
  drop.querySelector("label").textContent = names.join(", ") || "Drop videos here, or choose them";
  drop.classList.toggle("full", names.length > 0);
}

video.addEventListener("change", showFiles);
for (const name of ["dragover", "drop"]) {
  // wherever they are dropped: a browser would leave the page to show them
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "dragover" || video.disabled) return;
    choose(event.dataTransfer.files);
    button.focus();
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});

window.addEventListener("beforeunload", (event) => {
  if (upload && !loggedOut) event.preventDefault(); // the browser asks
});

function showInterrupted() {
  // those that do not go on now
  const broken = Object.entries(interrupted()).filter(([key, { sent, size }]) => key !== upload?.key && sent < size);
  document.getElementById("interrupted").textContent = broken
    .map(([, { name, sent, size }]) => `${name} was interrupted at ${Math.floor((100 * sent) / size)} %: choose it again, and the upload goes on.`)
    .join(" ");
}

showInterrupted();
