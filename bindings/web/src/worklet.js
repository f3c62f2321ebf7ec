/** The AudioWorkletProcessor: a stream in the audio thread. node.js tells it what to do, and hears from it. */
import { Delay } from "./delay.js";
import { LoadMeter } from "./load-meter.js";
import { VERSION } from "./version.js";
import { WasmStream } from "./wasm-stream.js";

const CAPACITY = 2048; // samples that the stream takes at a time; longer quanta go in parts
const LEVELS_SECONDS = 0.1;
const FIRST_REST_SECONDS = 2; // of an overloaded stream; doubled each time it is overloaded again
const MAX_REST_SECONDS = 60;
const CALM_WINDOWS = 3; // of the load meter, before an overloaded stream is heard again
const CALM = 0.6; // of real time
const DECIBELS = 10 / Math.LN10;

/**
 * States:
 *
 * - "waiting" for the model, also if it cannot be started, of which `ready` tells: silence, or the input as it is;
 * - "starting", if the input came out as it is: it does until the stream's own output, with the delay, has begun;
 * - "running";
 * - "leaving" after an overload: the stream fades to the delayed input; "resting": that goes on without the stream, and
 *   costs nothing; "probing": the same, while the stream runs again unheard, to see whether it keeps up.
 */
class UndinWorklet extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.options = processorOptions;
    this.state = "waiting";
    this.meter = new LoadMeter(sampleRate);
    this.rest = FIRST_REST_SECONDS;
    this.levels = { samples: 0, input: 0, output: 0 };
    this.load = 0;
    this.port.onmessage = ({ data }) => this.receive(data);
    if (processorOptions.model) this.open(processorOptions.model);
  }

  receive({ model, ...settings }) {
    if (settings.dispose) this.state = "disposed";
    Object.assign(this.options, settings);
    if (model) this.open(model);
    else if (this.stream) this.set();
  }

  /** Open the stream; whatever is wrong is told. */
  open({ bytes, symbol }) {
    const { channels, untilReady } = this.options;
    try {
      this.stream = new WasmStream(new WebAssembly.Module(bytes), symbol, sampleRate, channels, CAPACITY);
      this.set();
    } catch ({ name, message }) {
      this.port.postMessage({ error: { name, message } });
      return;
    }
    const { latencySamples } = this.stream;
    this.delay = new Delay(latencySamples, channels);
    this.toStart = latencySamples;
    this.state = untilReady === "bypass" ? "starting" : "running";
    this.port.postMessage({ ready: { latencySamples } });
  }

  set() {
    this.stream.setAttenLimDb(this.options.attenLimDb);
    this.stream.setBypass(this.options.bypass || this.state === "leaving" || this.state === "probing");
  }

  process([input], [output]) {
    if (this.state === "disposed") return false;
    const count = output[0].length;
    if (this.state === "waiting" || this.state === "starting") this.passOn(input, output);
    if (this.state === "waiting") return true;
    const from = Date.now();
    const isDelayHeard = this.state === "resting" || this.state === "probing";
    this.delay.run(input, count, isDelayHeard ? output : undefined);
    if (this.state === "resting") this.restOn(count);
    else this.enhance(input, output, count);
    if (this.options.isLive) this.watch(from, count);
    return true;
  }

  /** The input as it is, if that is wanted until the stream is ready. */
  passOn(input, output) {
    if (this.options.untilReady !== "bypass") return;
    output.forEach((samples, channel) => input[channel] && samples.set(input[channel]));
  }

  /** Put a quantum through the stream. */
  enhance(input, output, count) {
    const { stream } = this;
    for (let begin = 0; begin < count; begin += stream.capacity) {
      const part = Math.min(stream.capacity, count - begin);
      stream.channels.forEach((samples, channel) => {
        const from = input[channel];
        if (!from) samples.fill(0, 0, part);
        else samples.set(part === count ? from : from.subarray(begin, begin + part));
      });
      stream.run(part);
      if (this.state === "starting") this.start(output, begin, part);
      else if (this.state !== "probing") this.write(output, begin, part);
    }
    if (this.state === "leaving") this.leave(count);
  }

  write(output, begin, part) {
    this.stream.channels.forEach((samples, channel) => output[channel].set(samples.subarray(0, part), begin));
  }

  /** Go over from the input as it is to the stream's output, once that is more than the silence before it. */
  start(output, begin, part) {
    this.toStart -= part;
    if (this.toStart > 0) return;
    this.stream.channels.forEach((samples, channel) => {
      const heard = output[channel];
      for (let i = 0; i < part; i++) heard[begin + i] += ((i + 1) / part) * (samples[i] - heard[begin + i]);
    });
    this.state = "running";
  }

  /** Count the time that an overloaded stream still rests. */
  restOn(count) {
    this.restSamples -= count;
    if (this.restSamples > 0) return;
    this.state = "probing";
    this.calm = 0;
    this.stream.reset();
    this.set();
    this.meter.restart();
  }

  /** Measure the load, rest if it is too much, and go on when there is room again. */
  watch(from, count) {
    const window = this.meter.add(from, Date.now(), count);
    if (window) this.load = window.load;
    if (window && this.options.onOverload === "bypass") {
      if (this.state === "running" && window.isOver) this.overload();
      else if (this.state === "probing") this.probe(window);
    }
    this.tellLevels(count);
  }

  overload() {
    this.state = "leaving";
    this.toLeave = this.stream.latencySamples; // longer than it fades
    this.set();
    this.port.postMessage({ overload: { load: this.load, seconds: this.rest } });
  }

  leave(count) {
    this.toLeave -= count;
    if (this.toLeave <= 0) this.beginRest();
  }

  beginRest() {
    this.state = "resting";
    this.restSamples = this.rest * sampleRate;
    this.rest = Math.min(2 * this.rest, MAX_REST_SECONDS);
  }

  probe({ load, isTooMuch }) {
    this.calm += 1;
    if (isTooMuch || load > CALM) {
      this.beginRest();
    } else if (this.calm === CALM_WINDOWS) {
      this.state = "running"; // its output is the delayed input by now, and fades from there
      this.set();
      this.meter.restart();
      this.port.postMessage({ recovered: { load } });
    }
  }

  /** Tell levels ten times a second. */
  tellLevels(count) {
    const { levels } = this;
    const [input, output, reductionDb, presence] = this.stream.levels();
    levels.samples += count;
    levels.input += count * 10 ** (input / 10);
    levels.output += count * 10 ** (output / 10);
    if (levels.samples < LEVELS_SECONDS * sampleRate) return;
    const inputDbfs = DECIBELS * Math.log(levels.input / levels.samples);
    const outputDbfs = DECIBELS * Math.log(levels.output / levels.samples);
    this.port.postMessage({ levels: { inputDbfs, outputDbfs, reductionDb, presence, load: this.load } });
    levels.samples = levels.input = levels.output = 0;
  }
}

try {
  registerProcessor(`undin-${VERSION}`, UndinWorklet);
} catch (error) {
  if (error.name !== "NotSupportedError") throw error; // else a second copy of the package in this page was here first
}
