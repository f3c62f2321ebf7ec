import { tell } from "./faults.js";
import { pauseRecording, startRecording } from "./recording.js";
import { startLivePanel, stopLive } from "./live-panel.js";
import { speak, usualLanguage, write } from "./words.js";

const PANELS = { recording: pauseRecording, live: stopLive };

addEventListener("unhandledrejection", ({ reason }) => tell(reason));

for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (document.getElementsByName("source"))) {
  radio.addEventListener("change", () => {
    for (const [panel, leave] of Object.entries(PANELS)) {
      const isShown = panel === radio.value;
      /** @type {HTMLElement} */ (document.getElementById(panel)).hidden = !isShown;
      if (!isShown) leave();
    }
  });
}

startRecording();
startLivePanel();

for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (document.getElementsByName("language"))) {
  radio.checked = radio.value === usualLanguage();
  radio.addEventListener("change", () => speak(radio.value));
}
speak(usualLanguage());

// Where the browser has no service workers, or not for this address, the page works all the same, but not offline.
navigator.serviceWorker?.register(new URL("./sw.js", import.meta.url)).catch(() => {});
const offline = /** @type {HTMLElement} */ (document.getElementById("offline"));
navigator.serviceWorker?.ready.then(() => write(offline, "offline"));
document.documentElement.dataset.state = "ready";
