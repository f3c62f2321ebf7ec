// The page in a frame, and what a person does there.
export { seconds } from "/pages/live.js";
import { seconds } from "/pages/live.js";

/** Wait until something holds. */
export async function until(holds, most = 20) {
  for (const end = performance.now() + 1000 * most; !(await holds()); await seconds(0.02)) {
    if (performance.now() > end) throw new Error(`not within ${most} s: ${holds}`);
  }
}

/** Open it, as one who was never there; or, with `again`, as one who was. */
export async function visit(address, { again = false } = {}) {
  if (!again) localStorage.clear();
  const frame = document.createElement("iframe");
  frame.allow = "microphone; autoplay";
  frame.width = 1000;
  frame.height = 900;
  frame.src = address;
  document.body.append(frame);
  await until(() => frame.contentDocument?.documentElement?.dataset.state === "ready");
  return new Page(frame);
}

export class Page {
  constructor(frame) {
    this.frame = frame;
    this.window = frame.contentWindow;
    this.document = frame.contentDocument;
  }

  get(id) {
    return this.document.getElementById(id);
  }

  get state() {
    return this.get("recording").dataset.state;
  }

  get heard() {
    return this.get("live").dataset.heard;
  }

  /** What is told of an error: its word and its sentence; undefined where there is none. */
  get fault() {
    const { hidden, dataset, firstElementChild } = this.get("fault");
    return hidden ? undefined : { word: dataset.fault, text: firstElementChild.textContent };
  }

  /** Press what can be pressed. */
  click(id) {
    const element = this.get(id);
    if (element.disabled || !element.getClientRects().length) throw new Error(`${id} cannot be pressed`);
    element.click();
  }

  change(id, value) {
    this.get(id).value = value;
    this.get(id).dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** Show the recording, or the microphone. */
  show(panel) {
    this.document.querySelector(`[name=source][value=${panel}]`).click();
  }

  drop(...parts) {
    const transfer = this.#transfer(parts);
    const drop = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
    this.document.body.dispatchEvent(drop);
  }

  choose(...parts) {
    this.get("file").files = this.#transfer(parts).files;
    this.get("file").dispatchEvent(new Event("change"));
  }

  #transfer(parts) {
    const transfer = new DataTransfer();
    transfer.items.add(new File(parts, "speech.file"));
    return transfer;
  }

  async opened(...parts) {
    this.choose(...parts);
    await until(() => this.state === "opened" || this.fault);
  }

  async enhanced() {
    this.click("enhance");
    await until(() => this.state === "enhanced" || this.fault, 60);
  }

  /** What the button gives to be saved. */
  async saved() {
    let link;
    const take = (event) => {
      link = event.target.closest("a[download]");
      event.preventDefault();
    };
    this.document.addEventListener("click", take, true);
    this.get("save").click();
    await until(() => link);
    this.document.removeEventListener("click", take, true);
    return { name: link.download, bytes: new Uint8Array(await (await fetch(link.href)).arrayBuffer()) };
  }
}

/** A recording of a noise: a minute of it, as often as wanted, 16 bits, mono. */
export function long(minutes, sampleRate = 16_000) {
  const minute = Int16Array.from({ length: 60 * sampleRate }, () => 3000 * (Math.random() - 0.5));
  const bytes = minutes * minute.byteLength;
  const header = new DataView(new ArrayBuffer(44));
  const words = [0x46464952, 36 + bytes, 0x45564157, 0x20746d66, 16, 0x10001, sampleRate, 2 * sampleRate, 0x100002];
  [...words, 0x61746164, bytes].forEach((word, i) => header.setUint32(4 * i, word, true));
  const blob = new Blob([minute]);
  return [header, ...Array.from({ length: minutes }, () => blob)];
}

export function base64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}
