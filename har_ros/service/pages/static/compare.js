// Shows the same moment as the one network, or the other one, annotated it.
const video = document.querySelector("video");

for (const input of document.querySelectorAll("[name=drawn]")) {
  input.addEventListener("change", () => {
    const at = video.currentTime;
    const playing = !video.paused;
    video.src = input.value;
    video.addEventListener("loadedmetadata", () => (video.currentTime = at), { once: true });
    if (playing) video.play();
  });
}
