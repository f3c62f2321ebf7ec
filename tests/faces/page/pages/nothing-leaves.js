// All that the page can do, and then what a wicked script in it would try.
import { long, seconds, until, visit } from "/pages/visit.js";

export default async function ({ address, elsewhere }) {
  const page = await visit(address);
  await until(() => page.get("offline").textContent, 30);
  await fetch("/mark?loaded");
  await page.opened(...long(1));
  await page.enhanced();
  await page.saved();
  page.click("play");
  await seconds(0.5);
  page.document.querySelector("[name=language][value=de]").click();
  await fetch("/mark?used");
  const violations = [];
  const onViolation = ({ effectiveDirective }) => violations.push(effectiveDirective);
  page.document.addEventListener("securitypolicyviolation", onViolation);
  const { window } = page;
  const tries = {
    fetch: async () => window.fetch(`${elsewhere}fetch`, { mode: "no-cors" }),
    own: async () => window.fetch("/own"),
    beacon: async () => window.navigator.sendBeacon(`${elsewhere}beacon`, "sound"),
    socket: async () => opened(new window.WebSocket(`${elsewhere.replace("http", "ws")}socket`)),
    image: async () => opened(Object.assign(new window.Image(), { src: `${elsewhere}image` })),
    script: async () => opened(append(window, "script", { src: `${elsewhere}script` })),
    frame: async () => append(window, "iframe", { src: `${elsewhere}frame` }),
    form: async () => append(window, "form", { action: `${elsewhere}form`, method: "post" }).submit(),
  };
  for (const name in tries) await tries[name]().catch(() => {});
  await seconds(1);
  await fetch("/mark?tried");
  return violations;
}

function append(window, tag, properties) {
  const element = Object.assign(window.document.createElement(tag), properties);
  window.document.body.append(element);
  return element;
}

/** Until it has come, or not. */
function opened(thing) {
  return new Promise((resolve) => ["load", "open", "error"].forEach((type) => thing.addEventListener(type, resolve)));
}
