/** The worker of `enhance`: a stream, to which blocks come, and from which they go back. */
import { WasmStream } from "./wasm-stream.js";

const inNode = typeof nodePort !== "undefined"; // what enhance.js puts before this text there
const port = inNode ? nodePort : self;
let stream, channels;

const answers = {
  open({ bytes, symbol, sampleRate, channels: count, capacity, attenLimDb }) {
    stream = new WasmStream(new WebAssembly.Module(bytes), symbol, sampleRate, count, capacity);
    stream.setAttenLimDb(attenLimDb);
    channels = stream.channels;
    return { latencySamples: stream.latencySamples };
  },

  process({ block }) {
    block.forEach((samples, channel) => channels[channel].set(samples));
    stream.run(block[0].length);
    block.forEach((samples, channel) => samples.set(channels[channel].subarray(0, samples.length)));
    return { block };
  },

  flush() {
    stream.flush();
    return { block: channels.map((samples) => samples.slice(0, stream.latencySamples)) };
  },
};

function answer({ type, ...message }) {
  try {
    const result = answers[type](message);
    port.postMessage(result, result.block?.map((samples) => samples.buffer));
  } catch ({ name, message: reason }) {
    port.postMessage({ error: { name, message: reason } });
  }
}

if (inNode) port.on("message", answer);
else port.onmessage = ({ data }) => answer(data);
