// Runs a job's video again, with other options.
import { options, start } from "./options.js";
import { attach } from "./page.js";

const form = document.getElementById("again");
const button = form.querySelector("button");
const problem = document.getElementById("problem");

attach(form, async () => {
  button.disabled = true;
  problem.textContent = "";
  try {
    location.assign(form.dataset.next + (await start({ again: form.dataset.job, options: options(form) })));
  } catch (error) {
    problem.textContent = error.message;
    button.disabled = false;
  }
});
