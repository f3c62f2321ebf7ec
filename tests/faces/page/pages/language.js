// The other language, at once and the next time.
import { until, visit } from "/pages/visit.js";

const texts = (page) => Object.fromEntries(
  [...page.document.querySelectorAll("[data-word], [data-label]")].flatMap(({ dataset, textContent, ariaLabel }) => [
    ...(dataset.word ? [[dataset.word, textContent]] : []),
    ...(dataset.label ? [[`label ${dataset.label}`, ariaLabel]] : []),
  ]),
);

export default async function ({ address }) {
  const page = await visit(address);
  page.choose(new Uint8Array(9));
  await until(() => page.fault);
  const told = [[page.document.documentElement.lang, texts(page), page.fault.text]];
  page.document.querySelector("[name=language][value=de]").click();
  told.push([page.document.documentElement.lang, texts(page), page.fault.text]);
  page.frame.remove();
  const again = await visit(address, { again: true });
  told.push([again.document.documentElement.lang, texts(again)]);
  return told;
}
