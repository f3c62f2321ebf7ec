// What live pages share.
export const seconds = (count) => new Promise((resolve) => setTimeout(resolve, 1000 * count));

/** A context that runs. */
export async function started(options) {
  const context = new AudioContext(options);
  await context.resume();
  return context;
}

/** The largest sample within a time. */
export async function peak(analyser, time) {
  const samples = new Float32Array(analyser.fftSize);
  let most = 0;
  for (const end = performance.now() + 1000 * time; performance.now() < end; await seconds(0.02)) {
    analyser.getFloatTimeDomainData(samples);
    for (const sample of samples) most = Math.max(most, Math.abs(sample));
  }
  return most;
}

/** Root mean square within a time, in dB. */
export async function level(analyser, time) {
  const samples = new Float32Array(analyser.fftSize);
  let power = 0;
  let count = 0;
  for (const end = performance.now() + 1000 * time; performance.now() < end; await seconds(0.02)) {
    analyser.getFloatTimeDomainData(samples);
    for (const sample of samples) power += sample * sample;
    count += samples.length;
  }
  return 10 * Math.log10(power / count + 1e-12);
}

/** The next event of a kind, or an error when it does not come. */
export function next(undin, type, time) {
  return new Promise((resolve, reject) => {
    const end = undin.on(type, (detail) => {
      end();
      resolve(detail);
    });
    setTimeout(() => reject(new Error(`no ${type} within ${time} s`)), 1000 * time);
  });
}

/** A noise for ever. */
export function noise(context) {
  const buffer = context.createBuffer(1, 2 * context.sampleRate, context.sampleRate);
  buffer.copyToChannel(new Float32Array(buffer.length).map(() => 0.2 * Math.random() - 0.1), 0);
  const source = new AudioBufferSourceNode(context, { buffer, loop: true });
  source.start();
  return source;
}
