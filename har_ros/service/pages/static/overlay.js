// Draws people over a video.
const COLOURS = ["#e69f00", "#56b4e9", "#00be8c", "#f0e442", "#5a96ff", "#ff783c", "#dc8cc8", "#b4dc78"];
const VISIBLE = 0.2;

// Draws the people of an answer. canvas: covers the video, which keeps its proportions within the same box. answer: persons,
// whose places are in pixels of the image, and size, [height, width] of that image. limbs: pairs of joints with a line
// between them.
export function drawPeople(canvas, answer, limbs) {
  const [height, width] = answer.size;
  canvas.width = canvas.clientWidth * devicePixelRatio;
  canvas.height = canvas.clientHeight * devicePixelRatio;
  const pen = canvas.getContext("2d");
  const scale = Math.min(canvas.width / width, canvas.height / height);
  pen.setTransform(scale, 0, 0, scale, (canvas.width - scale * width) / 2, (canvas.height - scale * height) / 2);
  const pixel = devicePixelRatio / scale;
  for (const person of answer.persons) drawPerson(pen, person, limbs, pixel);
}

function drawPerson(pen, person, limbs, pixel) {
  const [left, top, right, bottom] = person.box;
  pen.strokeStyle = pen.fillStyle = COLOURS[Number(person.number) % COLOURS.length];
  pen.lineWidth = 2 * pixel;
  pen.strokeRect(left, top, right - left, bottom - top);
  pen.beginPath();
  for (const [first, second] of limbs) {
    const [from, to] = [person.joints[first], person.joints[second]];
    if (Math.min(from[2], to[2]) >= VISIBLE) {
      pen.moveTo(from[0], from[1]);
      pen.lineTo(to[0], to[1]);
    }
  }
  pen.stroke();
  const best = person.actions[0];
  const text = best ? `${person.number} ${best.label} ${best.score.toFixed(2)}` : person.number;
  pen.font = `${14 * pixel}px sans-serif`;
  const above = Math.max(18 * pixel, top);
  pen.fillRect(left, above - 18 * pixel, pen.measureText(text).width + 8 * pixel, 18 * pixel);
  pen.fillStyle = "#000";
  pen.fillText(text, left + 4 * pixel, above - 4 * pixel);
}
