// The microphone, a noise, by the buttons: on, original and enhanced, another model, recorded, off.
import { seconds, until, visit } from "/pages/visit.js";

/** Mean powers of what goes in and comes out, in decibels, since the tones of some made-up microphones come and go. */
async function levels(page) {
  await seconds(0.7);
  const powers = [0, 0];
  for (let k = 0; k < 20; k++) {
    ["level-in", "level-out"].forEach((id, i) => (powers[i] += 10 ** (page.get(id).value / 10) / 20));
    await seconds(0.1);
  }
  return powers.map((power) => 10 * Math.log10(power));
}

export default async function ({ address }) {
  const page = await visit(address);
  const told = {};
  page.show("live");
  told.off = page.get("live-state").textContent;
  page.click("toggle");
  await until(() => page.get("live").dataset.state === "on" || page.fault);
  if (page.fault && page.fault.word !== "double") return page.fault;
  told.on = [page.heard, page.get("live-state").textContent];
  await seconds(1);
  told.enhanced = await levels(page);
  page.click("live-hear-before");
  told.original = [page.heard, page.get("live-state").textContent];
  told.bypassed = await levels(page);
  told.numbers = ["load", "latency"].map((id) => page.get(id).textContent);
  page.click("live-hear-after");
  page.change("strength", 6);
  told.limited = await levels(page);
  page.change("model", "undin-tiny");
  await until(() => page.get("live").dataset.state !== "on");
  await until(() => page.get("live").dataset.state === "on");
  told.devices = page.get("device").options.length;
  page.show("recording");
  await until(() => page.get("live").dataset.state === "off");
  page.click("record");
  await until(() => page.state === "recording");
  await until(() => page.get("record-time").textContent.endsWith("0:02"));
  page.click("record-stop");
  await until(() => page.state === "opened");
  told.facts = page.get("facts").textContent;
  told.name = page.get("name").textContent;
  return told;
}
