export { enhance } from "./enhance.js";
export { UndinError } from "./errors.js";
export { DEFAULT_MODEL, loadModel, Model, models } from "./models.js";
export { Stream } from "./stream.js";
