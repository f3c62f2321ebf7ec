import { models } from "undin";
import { keep, kept } from "./kept.js";
import { MODEL_BYTES } from "./model-bytes.js";
import { number, onLanguage, say, write } from "./words.js";

const FIRST_MODEL = "undin-nano"; // it comes with the page

const strength = /** @type {HTMLInputElement} */ (document.getElementById("strength"));
const shown = /** @type {HTMLOutputElement} */ (document.getElementById("strength-shown"));
const model = /** @type {HTMLSelectElement} */ (document.getElementById("model"));

/** @type {Set<() => void>} */
const listeners = new Set();

/** Which model takes out how much, for recordings and the microphone. */
export const settings = {
  get model() {
    return model.value;
  },

  /** dB; null for no limit, at the end of the slider */
  get attenLimDb() {
    return strength.value === strength.max ? null : Number(strength.value);
  },

  /** Hear of a change. @param {() => void} listener */
  onChange(listener) {
    listeners.add(listener);
  },
};

for (const name of models()) {
  const option = new Option("", name);
  model.append(option);
  onLanguage(() => (option.textContent = `${name} · ${number(MODEL_BYTES[name] / 1000)} kB`));
}
const last = kept("model") ?? "";
model.value = models().includes(/** @type {any} */ (last)) ? last : FIRST_MODEL;
strength.value = kept("strength") ?? strength.max;

function show() {
  const decibels = settings.attenLimDb;
  const word = decibels === null ? "strength.all" : "strength.most";
  write(shown, word, { decibels: decibels ?? "" });
  strength.setAttribute("aria-valuetext", say(word, { decibels: decibels ?? "" }));
}
onLanguage(show);
show();

for (const input of [strength, model]) {
  input.addEventListener("input", () => {
    show();
    keep("model", model.value);
    keep("strength", strength.value);
    for (const listener of listeners) listener();
  });
}
