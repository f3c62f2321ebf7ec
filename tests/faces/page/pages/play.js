// What is played: the clock runs, the switch switches, other places are gone to, the end is the end.
import { long, seconds, until, visit } from "/pages/visit.js";

const time = (page) => page.get("clock").textContent;

export default async function ({ address }) {
  const page = await visit(address);
  await page.opened(...long(1));
  await page.enhanced();
  const told = { heard: page.get("recording").dataset.heard, labels: [page.get("play").ariaLabel] };
  page.click("play");
  await until(() => time(page) === "0:02");
  told.labels.push(page.get("play").ariaLabel);
  page.click("hear-before");
  told.switched = page.get("recording").dataset.heard;
  page.click("play");
  const stopped = time(page);
  await seconds(0.5);
  told.isStill = time(page) === stopped;
  const key = (name) => page.get("plot").dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
  key("End");
  key("ArrowLeft");
  told.place = page.get("plot").ariaValueText;
  page.click("play");
  await until(() => page.get("play").ariaLabel === "Play", 10);
  told.end = time(page);
  key("Home");
  const shown = () => [...page.get("times").children].map((label) => label.textContent);
  const labels = [shown()];
  for (let k = 0; k < 4; k++) page.click("zoom-in");
  labels.push(shown());
  page.get("scroll").value = 30;
  page.get("scroll").dispatchEvent(new Event("input"));
  labels.push(shown());
  page.click("zoom-whole");
  labels.push(shown());
  await until(() => ["before", "after"].every((id) => page.get(id).dataset.state === "shown"));
  return { ...told, zooms: labels, isWhole: page.get("scroll").hidden };
}
