// The microphone, a noise, by the buttons: on, original and enhanced, another model, recorded, off.
import { seconds, until, visit } from "/pages/visit.js";

const level = (page, id) => page.get(id).value;

export default async function ({ address }) {
  const page = await visit(address);
  const told = {};
  page.show("live");
  told.off = page.get("live-state").textContent;
  page.click("toggle");
  await until(() => page.get("live").dataset.state === "on" || page.fault);
  if (page.fault && page.fault.word !== "double") return page.fault;
  told.on = [page.heard, page.get("live-state").textContent];
  await seconds(3);
  told.enhanced = [level(page, "level-in"), level(page, "level-out")];
  page.click("live-hear-before");
  told.original = [page.heard, page.get("live-state").textContent];
  await seconds(1.5);
  told.bypassed = [level(page, "level-in"), level(page, "level-out")];
  told.numbers = ["load", "latency"].map((id) => page.get(id).textContent);
  page.click("live-hear-after");
  page.change("strength", 0);
  await seconds(1.5);
  told.none = [level(page, "level-in"), level(page, "level-out")];
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
