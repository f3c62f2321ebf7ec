// A live graph that has too little time: it is told, and over when there is time again.
import { until, visit } from "/pages/visit.js";

const BURNER = `registerProcessor("burner", class extends AudioWorkletProcessor {
  constructor() { super(); this.port.onmessage = () => { this.isOver = true; }; }
  process() {
    for (const end = Date.now() + 6; Date.now() < end;);
    return !this.isOver;
  }
});`;

export default async function ({ address }) {
  const page = await visit(address);
  let context;
  page.window.AudioContext = class extends page.window.AudioContext {
    constructor(options) {
      super(options);
      context = this;
    }
  };
  page.show("live");
  page.click("toggle");
  await until(() => page.get("live").dataset.state === "on");
  const module = page.window.URL.createObjectURL(new Blob([BURNER], { type: "text/javascript" }));
  await context.audioWorklet.addModule(module);
  const burner = new page.window.AudioWorkletNode(context, "burner");
  burner.connect(context.destination);
  await until(() => page.heard === "overloaded", 20);
  const told = { fault: page.fault, state: page.get("live-state").textContent };
  burner.port.postMessage("end");
  burner.disconnect();
  await until(() => page.heard === "enhanced", 30);
  told.after = page.fault;
  page.click("toggle");
  await until(() => page.get("live").dataset.state === "off");
  return told;
}
