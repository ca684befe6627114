// Uploads in parts (tus 1.0): what arrived counts, whatever becomes of the connection or of this page.
import { failure } from "./page.js";

const PART = 8 << 20; // bytes
const PAUSES = [1, 2, 4, 8, 16, 30]; // seconds before another try, while nothing arrives
const VERSION = { "Tus-Resumable": "1.0.0" };
const KEPT = "har_ros uploads"; // in localStorage: how a file is known → where its upload is, how far, and until when

export function interrupted() {
  const uploads = Object.entries(JSON.parse(localStorage.getItem(KEPT) || "{}"));
  return Object.fromEntries(uploads.filter(([, { expires }]) => expires > Date.now()));
}

function keep(key, upload) {
  const uploads = interrupted();
  if (upload) uploads[key] = upload;
  else delete uploads[key];
  localStorage.setItem(KEPT, JSON.stringify(uploads));
}

function pause(seconds) {
  return new Promise((wake) => setTimeout(wake, 1000 * seconds));
}

async function erase(place) {
  // The server may still be at the part that was being sent. What cannot be erased expires.
  for (const seconds of PAUSES) {
    const answer = await fetch(place, { method: "DELETE", headers: VERSION }).catch(() => null);
    if (answer?.status !== 423) return;
    await pause(seconds);
  }
}

export class Upload {
  // progress: is given the bytes that were sent. trouble: is given why it waits, empty when it goes on.
  constructor(file, progress, trouble) {
    Object.assign(this, { file, progress, trouble, request: null, cancelled: false });
    this.cancelling = new Promise((wake) => (this.wake = wake));
    this.key = `${file.name} ${file.size} ${file.lastModified}`;
  }

  async run() {
    // Resolves to the id of the upload. Rejects with a sentence, or with null when it was cancelled.
    this.place = interrupted()[this.key]?.place;
    let offset = this.place ? await this.again(() => this.offset()) : null;
    if (offset === null) offset = await this.again(() => this.create());
    while (offset < this.file.size) offset = await this.again((failed) => this.part(failed, offset));
    return this.place.split("/").pop();
  }

  forget() {
    keep(this.key, null);
  }

  cancel() {
    this.cancelled = true;
    this.request?.abort();
    this.wake();
    this.forget();
    if (this.place) erase(this.place);
  }

  async again(step) {
    // A step, repeated while the connection fails.
    for (let failed = 0; ; failed++) {
      try {
        const done = await step(failed);
        this.trouble("");
        return done;
      } catch (error) {
        if (this.cancelled) throw null;
        if (!error.again || failed === PAUSES.length) throw error;
        this.trouble(`${error.message}; trying again`);
        await Promise.race([pause(PAUSES[failed]), this.cancelling]);
        if (this.cancelled) throw null;
      }
    }
  }

  async create() {
    const name = btoa(String.fromCharCode(...new TextEncoder().encode(this.file.name)));
    const headers = { "Upload-Length": this.file.size, "Upload-Metadata": `filename ${name}` };
    const answer = await this.send("POST", "/v1/uploads", headers);
    this.place = answer.getResponseHeader("Location");
    return this.arrived(answer, 0);
  }

  async offset() {
    // How much is there; null when the server has the upload no more.
    const answer = await this.send("HEAD", this.place, {}, null, [404]);
    return answer.status === 404 ? null : Number(answer.getResponseHeader("Upload-Offset"));
  }

  async part(failed, from) {
    const offset = failed ? await this.offset() : from;
    if (offset === null) throw new Error("the server has lost the upload; send the video again");
    if (offset === this.file.size) return offset;
    const part = this.file.slice(offset, offset + PART);
    const headers = { "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" };
    if (crypto.subtle) {
      // only where the connection is safe, or within a machine
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", await part.arrayBuffer()));
      headers["Upload-Checksum"] = `sha1 ${btoa(String.fromCharCode(...digest))}`;
    }
    const sent = (event) => this.progress(offset + event.loaded);
    const answer = await this.send("PATCH", this.place, headers, part, [], sent);
    return this.arrived(answer, Number(answer.getResponseHeader("Upload-Offset")));
  }

  arrived(answer, sent) {
    // Remembers how much is there, for whoever chooses the file again.
    const expires = Date.parse(answer.getResponseHeader("Upload-Expires"));
    keep(this.key, { place: this.place, name: this.file.name, sent, size: this.file.size, expires });
    this.progress(sent);
    return sent;
  }

  send(method, place, headers, body = null, fine = [], sent = null) {
    return new Promise((resolve, reject) => {
      if (this.cancelled) return reject(null);
      const request = (this.request = new XMLHttpRequest());
      request.open(method, place);
      for (const [name, value] of Object.entries({ ...VERSION, ...headers })) request.setRequestHeader(name, value);
      if (sent) request.upload.onprogress = sent;
      request.onload = () => {
        if (request.status < 300 || fine.includes(request.status)) return resolve(request);
        const again = [409, 423, 460].includes(request.status) || request.status >= 502;
        reject(Object.assign(failure(request.status, request.responseText), { again }));
      };
      request.onerror = () => reject(Object.assign(new Error("the connection is lost"), { again: true }));
      request.onabort = () => reject(null);
      request.send(body);
    });
  }
}
