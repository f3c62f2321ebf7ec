/** Sends what it hears, a tenth of a second at a time. */
class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(Math.round(sampleRate / 10));
    this.filled = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process([[input]]) {
    for (let i = 0; input && i < input.length; i++) {
      this.block[this.filled++] = input[i];
      if (this.filled < this.block.length) continue;
      this.port.postMessage(this.block.slice());
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
