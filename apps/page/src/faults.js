import { write } from "./words.js";

/** What an error's name, or the code of one of the package's, is called in words.js. @type {Record<string, string>} */
const NAMES = {
  AbortError: "worklet", // could not be added to a context
  NotAllowedError: "denied",
  SecurityError: "insecure",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  EncodingError: "undecodable",
  QuotaExceededError: "long",
  "too-old": "old",
  "double-suppression": "double",
};
const SAME = new Set(["model", "load", "policy", "worklet", "worker", "timeout", "processor"]);

const place = /** @type {HTMLElement} */ (document.getElementById("fault"));
const text = /** @type {HTMLElement} */ (place.firstElementChild);
place.lastElementChild?.addEventListener("click", () => calm());

/**
 * Tell of an error, in a sentence with its cure.
 *
 * @param {any} error an Error, or one of the words behind "fault."
 * @param {import("./words.js").Values} [values]
 */
export function tell(error, values = {}) {
  const name = typeof error === "string" ? error : faultOf(error, "name" in values);
  const word = /** @type {import("./words.js").Word} */ (`fault.${name}`);
  write(text, word, { reason: error?.message ?? "", name: "", ...values });
  place.dataset.fault = name;
  place.hidden = false;
}

/** Say no more of it: of any, or of one. @param {string} [name] */
export function calm(name) {
  if (name && place.dataset.fault !== name) return;
  place.hidden = true;
  write(text);
}

/** @param {{ name?: string, code?: unknown, message?: string }} error @param {boolean} isOfFile */
function faultOf({ name = "", code, message = "" }, isOfFile) {
  const key = typeof code === "string" ? code : name;
  if (key === "NotReadableError") return isOfFile ? "unreadable" : "busy";
  if (key === "RangeError") return /sample ?rate/i.test(message) ? "rate" : "memory";
  return NAMES[key] ?? (SAME.has(key) ? key : "unknown");
}
