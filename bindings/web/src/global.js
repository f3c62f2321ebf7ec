/** What a plain script tag gives: `undin`, with all that the package exports. */
import { enhance } from "./enhance.js";
import { UndinError } from "./errors.js";
import { DEFAULT_MODEL, loadModel, Model, models } from "./models.js";
import { Stream } from "./stream.js";

globalThis.undin = { DEFAULT_MODEL, enhance, loadModel, Model, models, Stream, UndinError };
