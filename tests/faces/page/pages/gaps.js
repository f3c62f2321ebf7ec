// Two sines that are played in step: no sample is lost where pieces meet, and none jumps at a switch.
import { until } from "/pages/visit.js";

const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
  process([[input]]) { if (input) this.port.postMessage(input.slice()); return true; }
});`;
const RATE = 44_100;
const HERTZ = 441;

export default async function ({ folder, switches }) {
  const { Player } = await import(`/${folder}/player.js`);
  const { interleaved, Wav } = await import(`/${folder}/wav.js`);
  const turn = (2 * Math.PI * HERTZ) / RATE;
  const sine = (loud) => Float32Array.from({ length: 6 * RATE }, (_, i) => loud * Math.sin(turn * i));
  const [before, after] = [0.5, 0.25].map((loud) => Wav.of([interleaved([sine(loud)])], RATE, 1));
  const heard = [];
  let rate;
  const player = new Player((context) => {
    rate = context.sampleRate;
    const gain = new GainNode(context);
    gain.connect(context.destination); // at once: what nobody pulls begins late
    const module = URL.createObjectURL(new Blob([TAP], { type: "text/javascript" }));
    context.audioWorklet.addModule(module).then(() => {
      const tap = new AudioWorkletNode(context, "tap");
      tap.port.onmessage = ({ data }) => heard.push(...data);
      gain.connect(tap);
    });
    return gain;
  });
  let isOver = false;
  player.onEnd = () => (isOver = true);
  await player.open(before);
  player.enhanced = after;
  await player.play();
  for (let k = 0; k < switches; k++) {
    await until(() => player.position > (k + 1) * 0.7);
    player.hear((k + 1) % 2);
  }
  await until(() => isOver, 20);
  const begin = heard.findIndex((x) => x) + RATE / 10; // the tap may come in late
  const end = heard.findLastIndex((x) => x) - RATE / 10;
  let bend = 0; // second difference, of a sine turn² times it
  for (let i = begin; i < end; i++) bend = Math.max(bend, Math.abs(heard[i - 1] - 2 * heard[i] + heard[i + 1]));
  const most = Math.max(...heard.slice(0, 100_000));
  return { rate, seconds: (end - begin) / RATE, bend: bend / turn ** 2, most };
}
