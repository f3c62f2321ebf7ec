// Opened once; the page that comes next has no server.
import { until, visit } from "/pages/visit.js";

export default async function ({ address }) {
  const page = await visit(address);
  if (!page.window.navigator.serviceWorker) return { isMissing: true };
  await until(() => page.window.navigator.serviceWorker.controller, 30);
  await until(() => page.get("offline").textContent);
  return { said: page.get("offline").textContent };
}
