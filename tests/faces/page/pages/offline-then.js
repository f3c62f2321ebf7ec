// The page without its server: it enhances, and tells which model it has not got.
import { long, visit } from "/pages/visit.js";

export default async function ({ address }) {
  const page = await visit(address, { again: true });
  page.change("model", "undin-nano");
  await page.opened(...long(1));
  await page.enhanced();
  const told = { state: page.state };
  page.change("model", "undin-tiny");
  await page.enhanced();
  return { ...told, fault: page.fault };
}
