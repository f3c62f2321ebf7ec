// What goes wrong with a recording, or with the microphone.
import { until, visit } from "/pages/visit.js";

export default async function ({ address, file, panel }) {
  const page = await visit(address);
  if (file) {
    await page.opened(await (await fetch(`/${file}`)).arrayBuffer());
    if (!page.fault) await page.enhanced();
  } else if (panel === "record") {
    page.click("record");
  } else {
    page.show("live");
    page.click("toggle");
  }
  await until(() => page.fault);
  const told = { ...page.fault, state: page.state, live: page.get("live").dataset.state };
  page.get("fault").querySelector("button").click();
  return { ...told, isGone: page.fault === undefined };
}
