import { keep, kept } from "./kept.js";

/** All that the page says, in each language; a new language is a new table, and a button in index.html. */

const en = {
  tagline: "The noise goes. The voice stays.",
  promise: "undin takes the noise out of speech, here on your device. Nothing is sent anywhere.",
  language: "Language",
  close: "Close",
  source: "What shall be heard",
  recording: "Recording",
  microphone: "Microphone",
  strength: "Strength",
  "strength.most": "at most {decibels} dB",
  "strength.all": "no limit",
  model: "Model",
  "drop.title": "Drop a recording here",
  "drop.hint": "Any format that your browser plays. It stays on your device.",
  "drop.choose": "Choose a file",
  record: "Record",
  "record.stop": "Stop and use it",
  "record.running": "Recording: {time}",
  opening: "Opening {name} …",
  "channels.1": "mono",
  "channels.2": "stereo",
  channels: "{count} channels",
  facts: "{length} · {rate} kHz · {channels}",
  enhance: "Take the noise out",
  "enhance.again": "Again with these settings",
  cancel: "Cancel",
  progress: "{percent} % done",
  cancelled: "Cancelled. The recording is as it was.",
  done: "Done in {time} s. Listen, compare, save.",
  save: "Save as WAV",
  another: "Open another",
  before: "Original",
  after: "Enhanced",
  "after.none": "Nothing is enhanced yet",
  listening: "What you hear",
  play: "Play",
  pause: "Pause",
  place: "Place in the recording",
  position: "{position} of {length}",
  "zoom.in": "Zoom in",
  "zoom.out": "Zoom out",
  "zoom.whole": "Show the whole recording",
  scroll: "Part that is shown",
  "device.usual": "Usual microphone",
  start: "Start",
  stop: "Stop",
  hear: "Let me hear it",
  headphones: "Put on headphones first: the microphone would hear the loudspeaker, and it would howl.",
  "live.off": "The microphone is off.",
  "live.starting": "Starting …",
  "live.enhanced": "The noise is taken out.",
  "live.bypassed": "This is the original, with its noise, just as late.",
  "live.overloaded": "Too slow: this is the original, with its noise.",
  "level.in": "Level in",
  "level.out": "Level out",
  decibels: "{decibels} dB",
  load: "Processor core",
  "load.of": "{percent} %",
  "load.little": "less than 1 %",
  latency: "Latency",
  milliseconds: "{milliseconds} ms",
  offline: "Works offline from now on",
  "fault.denied": "The microphone may not be used: allow it beside the address of this page, then start again.",
  "fault.missing": "There is no such microphone: plug one in, or choose another.",
  "fault.busy": "The microphone cannot be opened: close the program that uses it, then start again.",
  "fault.insecure": "Browsers give a microphone only to secure pages: open this one by https, or from localhost.",
  "fault.lost": "The microphone is gone: plug it in again, or choose another, then start again.",
  "fault.undecodable": "Your browser cannot decode {name}: save it as WAV, MP3 or M4A, and drop that.",
  "fault.empty": "There is no sound in {name}: drop another recording.",
  "fault.long": "{name} is too long to be decoded at once: save it as WAV, which is read piece by piece, or cut it.",
  "fault.rate": "undin takes sample rates from 4 to 384 kHz, and {name} has another: save it with 48 kHz.",
  "fault.unreadable": "{name} cannot be read any more: drop it again.",
  "fault.memory": "There is not enough memory for this: close other pages, or take a shorter recording.",
  "fault.load": "The model's file did not come: connect to the internet once, or take undin-nano, which is here already.",
  "fault.worklet": "Something blocks the audio worklet: switch off what filters scripts on this page, then load it again.",
  "fault.worker": "Something blocks the page's worker: switch off what filters scripts on this page, then load it again.",
  "fault.policy": "Something forbids WebAssembly: switch off what filters scripts on this page, or serve it with its own policy.",
  "fault.old": "This browser is too old: take Chrome 100, Firefox 114, Safari 16.4, or later.",
  "fault.model": "The model's file is damaged: load the page again.",
  "fault.timeout": "The sound gave no sign: close what keeps this device busy, then start again.",
  "fault.processor": "undin has failed, and is silent: start again, and tell its authors.",
  "fault.double": "Something else suppresses noise before undin, and speech loses twice: switch it off in the system's settings.",
  "fault.overload": "This device is too slow for {model} just now, so you hear the original, with its noise: take a smaller model.",
  "fault.unknown": "Something went wrong: load the page again. ({reason})",
};

/** @type {Record<keyof typeof en, string>} */
const de = {
  tagline: "Der Lärm geht. Die Stimme bleibt.",
  promise: "undin nimmt den Lärm aus der Sprache, hier auf deinem Gerät. Nichts wird irgendwohin gesendet.",
  language: "Sprache",
  close: "Schließen",
  source: "Was zu hören sein soll",
  recording: "Aufnahme",
  microphone: "Mikrofon",
  strength: "Stärke",
  "strength.most": "höchstens {decibels} dB",
  "strength.all": "ohne Grenze",
  model: "Modell",
  "drop.title": "Leg eine Aufnahme hier ab",
  "drop.hint": "Jedes Format, das dein Browser abspielt. Sie bleibt auf deinem Gerät.",
  "drop.choose": "Datei wählen",
  record: "Aufnehmen",
  "record.stop": "Beenden und verwenden",
  "record.running": "Aufnahme läuft: {time}",
  opening: "{name} wird geöffnet …",
  "channels.1": "mono",
  "channels.2": "stereo",
  channels: "{count} Kanäle",
  facts: "{length} · {rate} kHz · {channels}",
  enhance: "Lärm entfernen",
  "enhance.again": "Noch einmal mit diesen Einstellungen",
  cancel: "Abbrechen",
  progress: "{percent} % fertig",
  cancelled: "Abgebrochen. Die Aufnahme ist, wie sie war.",
  done: "Fertig in {time} s. Anhören, vergleichen, speichern.",
  save: "Als WAV speichern",
  another: "Andere öffnen",
  before: "Original",
  after: "Entrauscht",
  "after.none": "Noch ist nichts entrauscht",
  listening: "Was du hörst",
  play: "Abspielen",
  pause: "Anhalten",
  place: "Stelle in der Aufnahme",
  position: "{position} von {length}",
  "zoom.in": "Vergrößern",
  "zoom.out": "Verkleinern",
  "zoom.whole": "Die ganze Aufnahme zeigen",
  scroll: "Gezeigter Teil",
  "device.usual": "Übliches Mikrofon",
  start: "Starten",
  stop: "Beenden",
  hear: "Mich hören lassen",
  headphones: "Setz vorher Kopfhörer auf: Sonst hört das Mikrofon den Lautsprecher, und es pfeift.",
  "live.off": "Das Mikrofon ist aus.",
  "live.starting": "Wird gestartet …",
  "live.enhanced": "Der Lärm wird entfernt.",
  "live.bypassed": "Das ist das Original mit seinem Lärm, ebenso spät.",
  "live.overloaded": "Zu langsam: Das ist das Original mit seinem Lärm.",
  "level.in": "Pegel hinein",
  "level.out": "Pegel heraus",
  decibels: "{decibels} dB",
  load: "Prozessorkern",
  "load.of": "{percent} %",
  "load.little": "weniger als 1 %",
  latency: "Verzögerung",
  milliseconds: "{milliseconds} ms",
  offline: "Geht ab jetzt auch ohne Netz",
  "fault.denied": "Das Mikrofon darf nicht benutzt werden: Erlaube es neben der Adresse dieser Seite und starte noch einmal.",
  "fault.missing": "Dieses Mikrofon gibt es nicht: Schließ eines an oder wähle ein anderes.",
  "fault.busy": "Das Mikrofon lässt sich nicht öffnen: Schließ das Programm, das es benutzt, und starte noch einmal.",
  "fault.insecure": "Browser geben ein Mikrofon nur sicheren Seiten: Öffne diese über https oder von localhost.",
  "fault.lost": "Das Mikrofon ist weg: Schließ es wieder an oder wähle ein anderes und starte noch einmal.",
  "fault.undecodable": "Dein Browser kann {name} nicht lesen: Speichere es als WAV, MP3 oder M4A und leg das hier ab.",
  "fault.empty": "In {name} ist kein Ton: Leg eine andere Aufnahme hier ab.",
  "fault.long": "{name} ist zu lang, um auf einmal gelesen zu werden: Speichere es als WAV, das stückweise gelesen wird, oder kürze es.",
  "fault.rate": "undin nimmt Abtastraten von 4 bis 384 kHz, und {name} hat eine andere: Speichere es mit 48 kHz.",
  "fault.unreadable": "{name} lässt sich nicht mehr lesen: Leg es noch einmal hier ab.",
  "fault.memory": "Dafür reicht der Speicher nicht: Schließ andere Seiten oder nimm eine kürzere Aufnahme.",
  "fault.load": "Die Datei des Modells kam nicht an: Geh einmal ins Netz oder nimm undin-nano, das schon da ist.",
  "fault.worklet": "Etwas sperrt das Audio-Worklet: Schalte ab, was auf dieser Seite Skripte filtert, und lade sie neu.",
  "fault.worker": "Etwas sperrt den Worker der Seite: Schalte ab, was auf dieser Seite Skripte filtert, und lade sie neu.",
  "fault.policy": "Etwas verbietet WebAssembly: Schalte ab, was auf dieser Seite Skripte filtert, oder liefere sie mit ihrer eigenen Richtlinie aus.",
  "fault.old": "Dieser Browser ist zu alt: Nimm Chrome 100, Firefox 114, Safari 16.4 oder später.",
  "fault.model": "Die Datei des Modells ist beschädigt: Lade die Seite neu.",
  "fault.timeout": "Der Ton gab kein Zeichen: Schließ, was dieses Gerät beschäftigt, und starte noch einmal.",
  "fault.processor": "undin ist ausgefallen und schweigt: Starte noch einmal und sag es den Autoren.",
  "fault.double": "Etwas anderes unterdrückt Lärm schon vor undin, und die Sprache verliert doppelt: Schalte es in den Einstellungen des Systems ab.",
  "fault.overload": "Dieses Gerät ist gerade zu langsam für {model}, darum hörst du das Original mit seinem Lärm: Nimm ein kleineres Modell.",
  "fault.unknown": "Etwas ging schief: Lade die Seite neu. ({reason})",
};

/** @typedef {keyof typeof en} Word */
/** @typedef {Record<string, string | number>} Values */

const TABLES = { en, de };
/** @type {keyof typeof TABLES} */
let language = "en";
/** @type {Set<() => void>} */
const listeners = new Set();

/** What was chosen last, or else what the browser prefers. */
export function usualLanguage() {
  const wanted = [kept("language"), ...navigator.languages.map((tag) => tag.split("-")[0])];
  return wanted.find((tag) => tag && tag in TABLES) ?? "en";
}

/** Say all in a language from now on. @param {string} wanted */
export function speak(wanted) {
  language = /** @type {keyof typeof TABLES} */ (wanted);
  document.documentElement.lang = wanted;
  keep("language", wanted);
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-word]"))) {
    element.textContent = say(/** @type {Word} */ (element.dataset.word));
  }
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-label]"))) {
    element.setAttribute("aria-label", say(/** @type {Word} */ (element.dataset.label)));
  }
  for (const listener of listeners) listener();
}

/** Hear of another language. @param {() => void} listener */
export function onLanguage(listener) {
  listeners.add(listener);
}

/** @param {Word} word @param {Values} [values] what stands in its braces */
export function say(word, values = {}) {
  return TABLES[language][word].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/**
 * Put words into an element, and again in another language.
 *
 * @param {HTMLElement} element
 * @param {Word} [word]
 * @param {Values} [values]
 */
export function write(element, word, values) {
  written.set(element, word && { word, values });
  element.textContent = word ? say(word, values) : "";
}

/** @type {Map<HTMLElement, { word: Word, values?: Values } | undefined>} */
const written = new Map();
onLanguage(() => {
  for (const [element, said] of written) if (said) element.textContent = say(said.word, said.values);
});

/** A number as the language writes it. @param {number} value @param {number} [digits] behind the point, at the most */
export function number(value, digits = 0) {
  return value.toLocaleString(language, { maximumFractionDigits: digits });
}

/** Seconds as a clock tells them. @param {number} seconds @param {boolean} [isFine] with hundredths */
export function clock(seconds, isFine = false) {
  const whole = isFine ? Math.floor(seconds + 1e-6) : Math.round(seconds);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const fine = isFine ? `.${two(Math.round(100 * (seconds - whole)) % 100)}` : "";
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}${fine}`;
}
