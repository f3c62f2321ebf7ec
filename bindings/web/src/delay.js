/** The input of a while ago, for when the stream's output cannot be had. */
export class Delay {
  /** @param {number} samples by which the output comes later */
  constructor(samples, channels) {
    this.samples = samples;
    this.size = samples + 1;
    this.rings = Array.from({ length: channels }, () => new Float32Array(this.size));
    this.place = 0;
  }

  /** Take a block of each channel, `undefined` for silence, and write what came `samples` earlier, if it is wanted. */
  run(inputs, count, outputs) {
    const { samples, size } = this;
    this.rings.forEach((ring, channel) => {
      const input = inputs[channel];
      const output = outputs?.[channel];
      let write = this.place;
      let read = (write + size - samples) % size;
      for (let i = 0; i < count; i++) {
        ring[write] = input ? input[i] : 0;
        if (output) output[i] = ring[read];
        if (++write === size) write = 0;
        if (++read === size) read = 0;
      }
    });
    this.place = (this.place + count) % size;
  }
}
