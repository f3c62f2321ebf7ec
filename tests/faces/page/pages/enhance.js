// A recording dropped or chosen, enhanced and saved.
import { base64, until, visit } from "/pages/visit.js";

export default async function ({ address, file, model, strength, isDropped }) {
  const page = await visit(address);
  page.change("model", model);
  page.change("strength", strength);
  const bytes = await (await fetch(`/${file}`)).arrayBuffer();
  if (isDropped) page.drop(bytes);
  else page.choose(bytes);
  await until(() => page.state === "opened" || page.fault);
  if (page.fault) return page.fault;
  const facts = page.get("facts").textContent;
  await page.enhanced();
  if (page.fault) return page.fault;
  const saved = await page.saved();
  await until(() => ["before", "after"].every((id) => page.get(id).dataset.state === "shown"));
  return { facts, name: saved.name, wav: base64(saved.bytes), status: page.get("status").textContent };
}
