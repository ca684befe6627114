// Shows the same moment as the one network, or the other one, annotated it, with its subtitles.
const video = document.querySelector("video");
const subtitles = video.querySelector("track");

for (const input of document.querySelectorAll("[name=drawn]")) {
  input.addEventListener("change", () => {
    const at = video.currentTime;
    const playing = !video.paused;
    video.src = `/v1/jobs/${input.value}/video`;
    subtitles.src = `/v1/jobs/${input.value}/actions.vtt`;
    video.addEventListener("loadedmetadata", () => (video.currentTime = at), { once: true });
    if (playing) video.play();
  });
}
