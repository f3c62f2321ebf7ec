const WINDOW_SECONDS = 0.5;
const TOO_BUSY = 0.85; // of real time, spent in the stream
const TOO_LATE = 1.15; // times as long as the sound that was made: the whole graph lags, whoever is at fault
const WINDOWS_IN_A_ROW = 2; // so that a system that slept or one long pause is no overload

/**
 * Tells whether a worklet keeps up, from clocks of whole milliseconds, which are all that a worklet has.
 *
 * Over half a second of sound their errors even out: by how much the clock moved within the calls is by chance now too
 * long, now too short.
 */
export class LoadMeter {
  constructor(sampleRate) {
    this.sampleRate = sampleRate;
    this.windowSamples = WINDOW_SECONDS * sampleRate;
    this.restart();
  }

  restart() {
    this.begin = undefined;
    this.busy = this.samples = this.tooMuch = 0;
  }

  /**
   * Take what one block needed.
   *
   * @param {number} from when it began, ms
   * @param {number} to when it was done, ms
   * @param {number} samples of the block
   * @returns {{ load: number, isTooMuch: boolean, isOver: boolean } | undefined} at the end of each window: which part of
   *   real time was spent in the stream, whether that or the graph's lag is too much, and whether it has been so for long
   */
  add(from, to, samples) {
    this.begin ??= from;
    this.busy += to - from;
    this.samples += samples;
    if (this.samples < this.windowSamples) return undefined;
    const milliseconds = (1000 * this.samples) / this.sampleRate;
    const load = this.busy / milliseconds;
    const isTooMuch = load > TOO_BUSY || to - this.begin > TOO_LATE * milliseconds;
    this.tooMuch = isTooMuch ? this.tooMuch + 1 : 0;
    this.begin = to;
    this.busy = this.samples = 0;
    return { load, isTooMuch, isOver: this.tooMuch >= WINDOWS_IN_A_ROW };
  }
}
