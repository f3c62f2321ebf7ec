import { CHUNKS } from "./chunks.js";
import { startError, UndinError } from "./errors.js";

/** The model that is taken if none is named, and by `defaultModel` for sound of less than 32 kHz. */
export const DEFAULT_MODEL = "undin-small";
const FULL_BAND_MODEL = "undin-small-48k";
const FULL_BAND_FROM_HZ = 32_000;

/**
 * A model whose bytes are there.
 *
 * @property {string} name
 * @property {Uint8Array} bytes its WebAssembly
 * @property {string} symbol its name in C
 */
export class Model {
  #module;

  constructor(name, symbol, bytes) {
    this.name = name;
    this.symbol = symbol;
    this.bytes = bytes;
  }

  /** The compiled WebAssembly: compiled once, when it is first wanted, and not by the thread that asks. */
  async compile() {
    try {
      this.#module ??= await WebAssembly.compile(this.bytes);
    } catch (error) {
      throw startError(error, this.name);
    }
    return this.#module;
  }

  /** The same at once, for a stream. */
  get module() {
    try {
      this.#module ??= new WebAssembly.Module(this.bytes);
    } catch (error) {
      throw startError(error, this.name);
    }
    return this.#module;
  }
}

/** Names of the models that this build of the package has. */
export function models() {
  return Object.keys(CHUNKS);
}

/** Name of the model that is taken for sound of a rate in Hz if none is named: full band where this build has it. */
export function defaultModel(sampleRate) {
  return sampleRate >= FULL_BAND_FROM_HZ && models().includes(FULL_BAND_MODEL) ? FULL_BAND_MODEL : DEFAULT_MODEL;
}

/**
 * Load a model.
 *
 * @param {string | object | Model} model a name, what `undin/models/….js` exports, or a loaded model
 * @param {{ baseUrl?: string | URL }} options baseUrl: where the files of `undin/assets` are served, to fetch them there
 *   and not to take what is inlined
 */
export async function loadModel(model = DEFAULT_MODEL, { baseUrl } = {}) {
  if (model instanceof Model) return model;
  if (typeof model === "object" && model !== null && "gzip" in model) {
    return new Model(model.name, model.symbol, await inflate(model.gzip));
  }
  if (!models().includes(model)) {
    throw new UndinError("model", `there is no model ${JSON.stringify(model)}: take one of ${models().join(", ")}`);
  }
  if (baseUrl !== undefined) {
    return new Model(model, symbolOf(model), await fetched(assetUrl(`${model}.wasm`, baseUrl)));
  }
  let chunk;
  try {
    chunk = await CHUNKS[model]();
  } catch (error) {
    throw new UndinError(
      "load",
      `the file of ${model} could not be loaded: see that undin/models/${model}.js is served with the page, ` +
        `or import it and pass what it exports as model (${error.message})`,
      { cause: error },
    );
  }
  return loadModel(chunk.default);
}

/** Where a file of `undin/assets` is. */
export function assetUrl(file, baseUrl) {
  const folder = new URL(baseUrl, globalThis.location?.href);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return new URL(file, folder).href;
}

function symbolOf(name) {
  return name.replace(/-int8$/, "").replaceAll("-", "_");
}

async function fetched(url) {
  let answer;
  try {
    answer = await fetch(url);
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  } catch (error) {
    throw new UndinError(
      "load",
      `${url} could not be loaded: serve the files of undin/assets at baseUrl, ` +
        `and allow it in connect-src of the Content-Security-Policy (${error.message})`,
      { cause: error },
    );
  }
}

async function inflate(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
