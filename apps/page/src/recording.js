import { open } from "./decode.js";
import { enhance } from "./enhance.js";
import { calm, tell } from "./faults.js";
import { Player } from "./player.js";
import { Recorder } from "./recorder.js";
import { settings } from "./settings.js";
import { Spectrograms } from "./spectrograms.js";
import { clock, number, onLanguage, say, write } from "./words.js";

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

const player = new Player();
const spectrograms = new Spectrograms(element("recording"), { onSeek: seek });

/** @type {{ wav: import("./wav.js").Wav, name: string } | undefined} */
let recording;
/** @type {{ wav: import("./wav.js").Wav, model: string, attenLimDb: number | null } | undefined} */
let enhanced;
/** @type {AbortController | undefined} */
let underway;
/** @type {Recorder | undefined} */
let recorder;
let opened = 0; // counts files, so that one that took long does not come after a newer one

/** What is seen of it: "empty", "opening", "recording", "opened", "enhancing" or "enhanced". @param {string} state */
function show(state) {
  element("recording").dataset.state = state;
  for (const part of element("recording").querySelectorAll("[data-in]")) {
    part.hidden = !part.dataset.in.split(" ").includes(state);
  }
  for (const radio of document.getElementsByName("heard")) /** @type {HTMLInputElement} */ (radio).disabled = !enhanced;
  offer();
}

/** Name the button for what it would do now. */
function offer() {
  const isSame = enhanced?.model === settings.model && enhanced.attenLimDb === settings.attenLimDb;
  write(element("enhance"), enhanced ? "enhance.again" : "enhance");
  element("enhance").hidden = isSame || !["opened", "enhanced"].includes(element("recording").dataset.state);
}

/** @param {Blob} file @param {string} name */
async function take(file, name) {
  const number = ++opened;
  underway?.abort();
  player.pause();
  calm();
  write(element("status"), "opening", { name });
  show("opening");
  try {
    const wav = await open(file);
    if (number !== opened) return;
    if (!wav.length) throw "empty";
    await begin(wav, name);
  } catch (error) {
    if (number !== opened) return;
    write(element("status"));
    tell(error, { name });
    show(recording ? (enhanced ? "enhanced" : "opened") : "empty");
  }
}

/** @param {import("./wav.js").Wav} wav @param {string} name */
async function begin(wav, name) {
  recording = { wav, name };
  enhanced = undefined;
  hear(0);
  await player.open(wav);
  write(element("status"));
  show("opened");
  describe();
  spectrograms.open(wav);
  tick();
  element("enhance").focus({ preventScroll: true });
}

function describe() {
  if (!recording) return;
  const { wav, name } = recording;
  const channels = wav.channels > 2 ? "channels" : wav.channels === 2 ? "channels.2" : "channels.1";
  element("name").textContent = name;
  write(element("facts"), "facts", {
    length: clock(wav.seconds),
    rate: number(wav.sampleRate / 1000, 2),
    channels: say(channels, { count: wav.channels }),
  });
}

async function run() {
  if (!recording || underway) return;
  const { wav, name } = recording;
  const { model, attenLimDb } = settings;
  const bar = element("progress");
  const from = performance.now();
  let told = -1;
  const onProgress = (/** @type {number} */ share) => {
    bar.value = share;
    const percent = Math.floor(100 * share);
    if (Math.floor(percent / 10) === told) return; // a screen reader shall not hear of each hundredth
    told = Math.floor(percent / 10);
    write(element("status"), "progress", { percent });
  };
  underway = new AbortController();
  calm();
  onProgress(0);
  show("enhancing");
  element("cancel").focus({ preventScroll: true });
  try {
    const result = await enhance(wav, { model, attenLimDb, signal: underway.signal, onProgress });
    enhanced = { wav: result, model, attenLimDb };
    player.enhanced = result;
    spectrograms.showAfter(result);
    hear(1);
    write(element("status"), "done", { time: number((performance.now() - from) / 1000, 1) });
  } catch (error) {
    const isCancelled = underway.signal.aborted;
    write(element("status"), isCancelled && wav === recording?.wav ? "cancelled" : undefined);
    if (!isCancelled) tell(error, { name });
  }
  underway = undefined;
  if (wav !== recording?.wav || element("recording").dataset.state !== "enhancing") return;
  show(enhanced ? "enhanced" : "opened");
  element(enhanced ? "save" : "enhance").focus({ preventScroll: true });
}

function save() {
  if (!recording || !enhanced) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(enhanced.wav.blob);
  link.download = `${recording.name.replace(/\.\w+$/, "")}-${enhanced.model}.wav`;
  link.hidden = true;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a large file takes a while
}

/** @param {number} index 0 for the original, 1 for the enhanced */
function hear(index) {
  player.hear(index);
  element(index ? "hear-after" : "hear-before").checked = true;
  element("recording").dataset.heard = index ? "after" : "before";
}

/** @param {number} seconds */
async function seek(seconds) {
  await player.seek(seconds);
  if (!player.isPlaying) tick();
}

async function playOrPause() {
  if (player.isPlaying) player.pause();
  else player.play();
  tick();
}

/** Show where it is played, as long as it is. */
function tick() {
  const word = player.isPlaying ? "pause" : "play";
  if (element("play").dataset.label !== word) {
    element("play").dataset.label = word;
    element("play").setAttribute("aria-label", say(word));
  }
  element("clock").textContent = clock(player.position);
  spectrograms.place(player.position, player.isPlaying);
  if (player.isPlaying) requestAnimationFrame(tick);
}
player.onEnd = tick;

async function startRecorder() {
  recorder = new Recorder();
  calm();
  player.pause();
  const onLevel = (/** @type {number} */ seconds, /** @type {number} */ peak) => {
    write(element("record-time"), "record.running", { time: clock(seconds) });
    element("record-level").value = Math.max(0, 1 + Math.log10(peak + 1e-6) / 3); // over 60 dB
  };
  try {
    await recorder.start(element("device").value, { onLevel, onLost: () => stopRecorder() });
    onLevel(0, 0);
    show("recording");
    element("record-stop").focus({ preventScroll: true });
  } catch (error) {
    recorder = undefined;
    tell(error);
  }
}

async function stopRecorder() {
  const stopped = recorder;
  recorder = undefined;
  const wav = await stopped?.stop();
  if (!wav) return;
  const time = new Date();
  const name = `${time.toLocaleDateString("sv")} ${time.toLocaleTimeString("sv").replaceAll(":", "-")}.wav`;
  await take(wav.blob, name);
}

function forget() {
  opened++;
  player.pause();
  recording = enhanced = undefined;
  element("file").value = "";
  write(element("status"));
  calm();
  show("empty");
  element("file").focus({ preventScroll: true });
}

/** Wire what is seen to what is done. */
export function startRecording() {
  const dropped = element("drop");
  element("file").addEventListener("change", () => {
    const [file] = element("file").files;
    if (file) take(file, file.name);
    element("file").value = ""; // so that the same file may be chosen again
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    dropped.classList.add("over");
  });
  document.addEventListener("dragleave", () => dropped.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    dropped.classList.remove("over");
    const file = event.dataTransfer?.files[0];
    if (file && !recorder) take(file, file.name);
  });
  element("enhance").addEventListener("click", run);
  element("cancel").addEventListener("click", () => underway?.abort());
  element("save").addEventListener("click", save);
  element("another").addEventListener("click", forget);
  element("play").addEventListener("click", playOrPause);
  element("record").addEventListener("click", startRecorder);
  element("record-stop").addEventListener("click", stopRecorder);
  element("hear-before").addEventListener("change", () => hear(0));
  element("hear-after").addEventListener("change", () => hear(1));
  settings.onChange(offer);
  onLanguage(() => {
    describe();
    offer();
    spectrograms.translate();
  });
  show("empty");
}

/** Be silent, since another panel is shown. */
export function pauseRecording() {
  player.pause();
  if (recorder) stopRecorder();
}
