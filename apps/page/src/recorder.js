import { close, openMicrophone } from "./microphone.js";
import { interleaved, Wav } from "./wav.js";

const PART_BLOCKS = 50; // 5 s, in one Blob

/** Records the microphone as it is, in mono, without a codec: what is enhanced later has lost nothing. */
export class Recorder {
  /** @type {Float32Array[]} */
  #blocks = [];
  /** @type {Blob[]} */
  #parts = [];
  /** @type {MediaStream | undefined} */
  #stream;
  /** @type {AudioContext | undefined} */
  #context;

  /**
   * @param {string} deviceId
   * @param {{ onLevel: (seconds: number, peak: number) => void, onLost: () => void }} options `onLost` hears that the
   *   microphone is gone
   */
  async start(deviceId, { onLevel, onLost }) {
    this.#stream = await openMicrophone(deviceId);
    try {
      const context = (this.#context = new AudioContext());
      const resumed = context.resume();
      await context.audioWorklet.addModule(new URL("./recorder-worklet.js", import.meta.url));
      await resumed;
      const options = /** @type {const} */ ({ channelCount: 1, channelCountMode: "explicit", numberOfOutputs: 0 });
      const recorder = new AudioWorkletNode(context, "recorder", options);
      recorder.port.onmessage = ({ data }) => onLevel(this.#add(data), peak(data));
      context.createMediaStreamSource(this.#stream).connect(recorder);
      this.#stream.getAudioTracks()[0].addEventListener("ended", onLost);
    } catch (error) {
      close(this.#stream);
      await this.#context?.close();
      throw error;
    }
  }

  /** @returns {Promise<Wav>} */
  async stop() {
    close(this.#stream);
    const context = /** @type {AudioContext} */ (this.#context);
    await context.close();
    this.#pack();
    return Wav.of(this.#parts, context.sampleRate, 1);
  }

  /** @param {Float32Array} block @returns {number} seconds so far */
  #add(block) {
    this.#blocks.push(block);
    if (this.#blocks.length === PART_BLOCKS) this.#pack();
    return (this.#parts.length * PART_BLOCKS + this.#blocks.length) / 10;
  }

  #pack() {
    if (this.#blocks.length) this.#parts.push(new Blob(this.#blocks.map((block) => interleaved([block]))));
    this.#blocks = [];
  }
}

/** @param {Float32Array} samples */
function peak(samples) {
  return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
}
