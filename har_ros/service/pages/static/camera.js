// The visitor's webcam, for the pages that show it.
const REFUSALS = { // what getUserMedia rejects with
  NotAllowedError: "The browser does not allow the webcam; allow it, and start again.",
  NotFoundError: "There is no webcam; connect one, and start again.",
  NotReadableError: "The webcam cannot be opened; close other programs that use it, and start again.",
};

function refuse(error) {
  throw new Error(REFUSALS[error.name] || `The webcam cannot be used (${error.name}); try another one.`);
}

// Shows the webcam in a video. wanted: of its images, see MediaTrackConstraints. Resolves to its stream, and to a promise,
// lost, which rejects when the webcam is taken away. Rejects with an Error that has a sentence.
export async function openCamera(video, wanted) {
  if (!navigator.mediaDevices) {
    throw new Error("The browser gives webcams to pages of https:// or of this machine only; put a proxy with TLS in front.");
  }
  const stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false }).catch(refuse);
  const lost = new Promise((_, fail) => {
    for (const track of stream.getTracks()) track.onended = () => fail(new Error("The webcam was taken away; start again."));
  });
  lost.catch(() => {}); // whoever does not wait for it need not know
  video.srcObject = stream;
  await Promise.race([video.play().catch(refuse), lost]);
  return { stream, lost };
}

export function closeCamera(video) {
  for (const track of video.srcObject ? video.srcObject.getTracks() : []) track.stop();
  video.srcObject = null;
}
