// Uploads a file with tus-js-client, which NODE_PATH leads to: node tus_client.cjs ENDPOINT FILE OPTIONS
// OPTIONS is JSON: name, chunkSize, stopAfter (bytes), end (true: erase it then).
// A file beside it remembers uploads that can be gone on with. Prints JSON: url, sent (bytes that the server acknowledged), first (the offset at which it began), error.
const fs = require("fs");
const tus = require("tus-js-client");

const [endpoint, file, text] = process.argv.slice(2);
const options = JSON.parse(text);
const said = { url: null, first: null, sent: 0, error: null };
const finish = () => process.stdout.write(JSON.stringify(said), () => process.exit());

const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  metadata: { filename: options.name, filetype: "video/mp4" },
  chunkSize: options.chunkSize,
  uploadSize: fs.statSync(file).size,
  retryDelays: [0, 100, 100, 200, 400],
  urlStorage: new tus.FileUrlStorage(`${file}.uploads`),
  onBeforeRequest: (request) => {
    if (request.getMethod() === "PATCH" && said.first === null) said.first = Number(request.getHeader("Upload-Offset"));
  },
  onChunkComplete: async (size, sent) => {
    said.sent = sent;
    if (options.stopAfter && sent >= options.stopAfter) {
      await upload.abort(Boolean(options.end));
      said.url = upload.url;
      finish();
    }
  },
  onError: (error) => {
    said.error = String(error);
    finish();
  },
  onSuccess: () => {
    said.url = upload.url;
    finish();
  },
});

upload.findPreviousUploads().then((previous) => {
  if (previous.length) upload.resumeFromPreviousUpload(previous[0]);
  upload.start();
});
