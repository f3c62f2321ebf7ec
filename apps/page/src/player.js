import { Wav } from "./wav.js";

const PIECE_SECONDS = 2;
const AHEAD_SECONDS = 5; // pages that are not seen are woken once a second
const WAKE_MS = 250;
const FADE_SECONDS = 0.01;
// What is ordered for a time that is past comes late, and a context's clock tells less than it has already played.
const SWITCH_SECONDS = 0.04; // until a switch
const START_SECONDS = 0.2; // until sound begins, or goes on where the page was held up

/**
 * Plays two recordings of the same length in step, and lets one of them be heard.
 *
 * Pieces of both are read shortly before they are wanted, and begin where the last ones end, to the sample: the context
 * has the recording's own rate. Both run all the time, so a switch is a fade of 10 ms between two gains.
 */
export class Player {
  /** @type {AudioContext | undefined} */
  #context;
  /** @type {(Wav | undefined)[]} */
  #wavs = [];
  /** @type {GainNode[]} */
  #gains = [];
  /** @type {Set<AudioBufferSourceNode>} */
  #sources = new Set();
  #heard = 0;
  #position = 0; // where it was begun, or stands, seconds
  #startTime = 0; // of the context, when it was begun
  #scheduled = 0; // samples of the recording
  #run = 0; // counts starts, so that what was read for an older one is not played
  #timer = 0;
  #isPlaying = false;
  /** Hears that it has come to the end. */
  onEnd = () => {};

  /** @param {(context: AudioContext) => AudioNode} [destination] where it plays to, if not to the loudspeaker */
  constructor(destination = (context) => context.destination) {
    this.destination = destination;
  }

  get isPlaying() {
    return this.#isPlaying;
  }

  /** Seconds. */
  get position() {
    if (!this.#isPlaying || !this.#context) return this.#position;
    // Without outputLatency: Firefox plays test sounds to find it, and the page stands still meanwhile.
    const passed = this.#context.currentTime - this.#startTime;
    return Math.min(this.#position + Math.max(0, passed), this.#wavs[0]?.seconds ?? 0);
  }

  /** Another recording. @param {Wav} wav */
  async open(wav) {
    this.pause();
    this.#position = 0;
    this.#wavs = [wav];
    this.#heard = 0;
    const context = this.#context;
    this.#context = undefined;
    await context?.close();
  }

  /** What has become of it. @param {Wav | undefined} wav */
  set enhanced(wav) {
    const wasPlaying = this.#isPlaying;
    this.pause();
    this.#wavs[1] = wav;
    if (wasPlaying) this.play();
  }

  /** Which is heard: 0 or 1. @param {number} index */
  hear(index) {
    this.#heard = index;
    this.#gains.forEach(({ gain, context }, i) => {
      const when = context.currentTime + SWITCH_SECONDS;
      gain.cancelScheduledValues(context.currentTime);
      gain.setValueAtTime(gain.value, when);
      gain.linearRampToValueAtTime(i === index ? 1 : 0, when + FADE_SECONDS);
    });
  }

  async play() {
    const [wav] = this.#wavs;
    if (!wav || this.#isPlaying) return;
    if (this.#position >= wav.seconds) this.#position = 0;
    this.#isPlaying = true;
    const run = ++this.#run;
    const context = (this.#context ??= this.#open(wav.sampleRate));
    // It stands still while the first pieces are read, so that none comes too late; Chromium stops only what has begun.
    await context.resume();
    await context.suspend();
    if (run !== this.#run) return;
    this.#scheduled = Math.round(this.#position * wav.sampleRate);
    this.#position = this.#scheduled / wav.sampleRate;
    this.#startTime = wholeFrames(context.currentTime + START_SECONDS, context.sampleRate);
    await this.#fill(run);
    if (run === this.#run) await context.resume();
  }

  pause() {
    if (!this.#isPlaying) return;
    this.#position = this.position;
    this.#stop();
  }

  /** @param {number} position seconds */
  async seek(position) {
    const wasPlaying = this.#isPlaying;
    this.#stop();
    this.#position = position;
    if (wasPlaying) await this.play();
  }

  #stop() {
    this.#isPlaying = false;
    this.#run++;
    clearTimeout(this.#timer);
    for (const source of this.#sources) source.stop();
    this.#sources.clear();
    if (this.#context?.state === "running") this.#context.suspend();
  }

  /** @param {number} sampleRate */
  #open(sampleRate) {
    const context = contextOf(sampleRate);
    const destination = this.destination(context);
    this.#gains = [0, 1].map((i) => new GainNode(context, { gain: i === this.#heard ? 1 : 0 }));
    for (const gain of this.#gains) gain.connect(destination);
    return context;
  }

  /** Schedule pieces until there are enough ahead, and come back. @param {number} run */
  async #fill(run) {
    try {
      await this.#scheduleAhead(run);
    } catch (error) {
      this.pause();
      this.onEnd();
      throw error;
    }
    if (run === this.#run) this.#timer = setTimeout(() => this.#fill(run), WAKE_MS);
  }

  /** @param {number} run */
  async #scheduleAhead(run) {
    const context = /** @type {AudioContext} */ (this.#context);
    const wav = /** @type {Wav} */ (this.#wavs[0]);
    const begun = Math.round(this.#position * wav.sampleRate);
    const isDue = () => {
      const ahead = (this.#scheduled - begun) / wav.sampleRate - Math.max(0, context.currentTime - this.#startTime);
      return this.#scheduled < wav.length && ahead < AHEAD_SECONDS;
    };
    while (isDue()) {
      const from = this.#scheduled;
      const to = Math.min(from + PIECE_SECONDS * wav.sampleRate, wav.length);
      const pieces = await Promise.all(this.#wavs.map((one) => one?.read(from, to)));
      if (run !== this.#run) return;
      const when = this.#startTime + (from - begun) / wav.sampleRate;
      if (when < context.currentTime) { // the page was held up for longer than it had read ahead
        this.#startTime += wholeFrames(context.currentTime + START_SECONDS - when, context.sampleRate);
        continue;
      }
      pieces.forEach((piece, i) => piece && this.#schedule(piece, wav.sampleRate, when, i));
      this.#scheduled = to;
    }
    if (this.#scheduled >= wav.length && this.position >= wav.seconds) {
      this.#position = wav.seconds;
      this.#stop();
      this.onEnd();
    }
  }

  /** @param {Float32Array[]} piece @param {number} sampleRate @param {number} when @param {number} index */
  #schedule(piece, sampleRate, when, index) {
    const context = /** @type {AudioContext} */ (this.#context);
    const buffer = new AudioBuffer({ length: piece[0].length, numberOfChannels: piece.length, sampleRate });
    piece.forEach((samples, channel) => buffer.copyToChannel(/** @type {any} */ (samples), channel));
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(this.#gains[index]);
    source.onended = () => this.#sources.delete(source);
    source.start(when);
    this.#sources.add(source);
  }
}

/** A context of a rate, or, where the browser has none of it, one that resamples. @param {number} sampleRate */
function contextOf(sampleRate) {
  try {
    return new AudioContext({ sampleRate });
  } catch {
    return new AudioContext();
  }
}

/** @param {number} seconds @param {number} sampleRate */
function wholeFrames(seconds, sampleRate) {
  return Math.ceil(seconds * sampleRate) / sampleRate;
}
