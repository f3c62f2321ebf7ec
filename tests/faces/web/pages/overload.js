// A node of the same graph takes more time than there is, for a while.
import { createUndin } from "/undin/index.js";
import { level, next, noise, seconds, started } from "/pages/live.js";

const BURNER = `registerProcessor("burner", class extends AudioWorkletProcessor {
  constructor() { super(); this.port.onmessage = () => { this.isOver = true; }; }
  process(_, [[output]]) {
    for (const end = Date.now() + 6; Date.now() < end;);
    return !this.isOver;
  }
});`;

export default async function () {
  const context = await started();
  const analyser = new AnalyserNode(context);
  const undin = await createUndin(context, { model: "undin-nano" });
  noise(context).connect(undin.node).connect(analyser);
  await undin.ready;
  await seconds(1);
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([BURNER], { type: "text/javascript" })));
  const overloaded = next(undin, "overload", 20);
  const burner = new AudioWorkletNode(context, "burner");
  burner.connect(context.destination);
  const overload = await overloaded;
  burner.port.postMessage("end");
  burner.disconnect();
  await seconds(0.5);
  const resting = await level(analyser, 0.5);
  const recovered = await next(undin, "recovered", 30);
  await seconds(1);
  const again = await level(analyser, 0.5);
  undin.dispose();
  await context.close();
  return { overload, resting, recovered, again };
}
