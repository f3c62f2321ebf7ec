// A long recording, cancelled, then another one while it is enhanced, then all of it.
import { long, seconds, until, visit } from "/pages/visit.js";

export default async function ({ address }) {
  const page = await visit(address);
  await page.opened(...long(20));
  page.click("enhance");
  await until(() => page.get("progress").value > 0);
  const share = page.get("progress").value;
  page.click("cancel");
  await until(() => page.state === "opened");
  const told = { share, status: page.get("status").textContent, focus: page.document.activeElement.id };
  told.isDisabled = page.get("hear-after").disabled;
  page.click("enhance");
  await until(() => page.get("progress").value > 0);
  page.drop(...long(1));
  await until(() => page.state === "opened" && page.get("facts").textContent.startsWith("1:00"));
  await seconds(0.5);
  told.other = page.state;
  await page.enhanced();
  told.end = page.state;
  page.change("strength", 12);
  told.again = page.get("enhance").hidden ? "" : page.get("enhance").textContent;
  page.change("strength", 40);
  told.isHidden = page.get("enhance").hidden;
  return told;
}
