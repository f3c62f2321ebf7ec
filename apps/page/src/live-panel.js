import { calm, tell } from "./faults.js";
import { Live } from "./live.js";
import { listMicrophones } from "./microphone.js";
import { Scroll } from "./scroll.js";
import { settings } from "./settings.js";
import { number, onLanguage, say, write } from "./words.js";

const FLOOR_DB = -72; // of the meters

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

const live = new Live();
const list = listMicrophones(element("device"), () => say("device.usual"));
const scrolls = ["live-before", "live-after"].map((id) => new Scroll(element(id)));
/** @type {"off" | "starting" | "on"} */
let state = "off";
let isOverloaded = false;

/** @param {typeof state} next */
function show(next) {
  state = next;
  element("live").dataset.state = state;
  write(element("toggle"), state === "off" ? "start" : "stop");
  element("toggle").disabled = state === "starting";
  element("numbers").hidden = state !== "on";
  tellWhatIsHeard();
}

/** The original is never shown as if it were enhanced. */
function tellWhatIsHeard() {
  const heard = isOverloaded ? "overloaded" : element("live-hear-before").checked ? "bypassed" : "enhanced";
  element("live").dataset.heard = heard;
  write(element("live-state"), state === "on" ? `live.${heard}` : `live.${state}`);
}

async function start() {
  calm();
  isOverloaded = false;
  show("starting");
  const { model, attenLimDb } = settings;
  live.isHeard = element("hear").checked;
  try {
    const bypass = element("live-hear-before").checked;
    await live.start({ deviceId: element("device").value, model, attenLimDb, bypass }, {
      levels: showLevels,
      overload: () => overload(true, model),
      recovered: () => overload(false, model),
      warning: tell,
      error: fail,
      lost: () => fail("lost"),
    });
  } catch (error) {
    show("off");
    tell(error);
    return;
  }
  live.bypass = element("live-hear-before").checked; // which may have changed meanwhile, as the others
  live.isHeard = element("hear").checked;
  live.attenLimDb = settings.attenLimDb;
  show("on");
  if (model !== settings.model) return restart();
  await list(); // names are told once a microphone is allowed
  draw();
}

async function stop() {
  show("starting");
  await live.stop();
  show("off");
}

/** @param {any} error */
async function fail(error) {
  tell(error);
  await stop();
}

/** @param {boolean} isNow @param {string} model */
function overload(isNow, model) {
  isOverloaded = isNow;
  if (isNow) tell("overload", { model });
  else calm("overload");
  tellWhatIsHeard();
}

/** @param {import("undin").UndinLevels} levels */
function showLevels({ inputDbfs, outputDbfs, load }) {
  for (const [id, level] of /** @type {const} */ ([["level-in", inputDbfs], ["level-out", outputDbfs]])) {
    element(id).value = Math.max(FLOOR_DB, level);
    write(element(`${id}-shown`), "decibels", { decibels: number(Math.max(level, -120)) });
  }
  write(element("load"), load < 0.01 ? "load.little" : "load.of", { percent: number(100 * load) });
  write(element("latency"), "milliseconds", { milliseconds: number(1000 * live.latency) });
}

function draw() {
  if (state !== "on") return;
  scrolls.forEach((scroll, i) => live.analysers[i] && scroll.add(live.analysers[i]));
  requestAnimationFrame(draw);
}

/** Begin again, where it runs: another microphone or model. */
async function restart() {
  if (state !== "on") return;
  await stop();
  await start();
}

/** Wire what is seen to what is done. */
export function startLivePanel() {
  let model = settings.model;
  element("toggle").addEventListener("click", () => (state === "on" ? stop() : start()));
  element("device").addEventListener("change", restart);
  element("hear").addEventListener("change", () => (live.isHeard = element("hear").checked));
  for (const id of ["live-hear-before", "live-hear-after"]) {
    element(id).addEventListener("change", () => {
      live.bypass = element("live-hear-before").checked;
      tellWhatIsHeard();
    });
  }
  settings.onChange(() => {
    live.attenLimDb = settings.attenLimDb;
    if (model !== settings.model) restart();
    model = settings.model;
  });
  onLanguage(list);
  show("off");
}

/** Switch the microphone off, since another panel is shown. */
export function stopLive() {
  if (state === "on") stop();
}
