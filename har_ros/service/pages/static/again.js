// Runs a job's video again, with other options.
import { options, start } from "./options.js";

const form = document.getElementById("again");
const button = form.querySelector("button");
const problem = document.getElementById("problem");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  problem.textContent = "";
  try {
    location.assign(form.dataset.next + (await start({ again: form.dataset.job, options: options(form) })));
  } catch (error) {
    problem.textContent = error.message;
    button.disabled = false;
  }
});
