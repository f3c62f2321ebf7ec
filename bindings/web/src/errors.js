/** An error with a code for programs, and for people a sentence with the cure. */
export class UndinError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = "UndinError";
    this.code = code;
  }
}

const BY_POLICY = /content security policy|\bcsp\b|unsafe-eval|wasm-eval/i;

/** What to tell where a model's WebAssembly could not be started. */
export function startError({ name, message }, model) {
  if (BY_POLICY.test(message)) {
    return new UndinError(
      "policy",
      "the page's Content-Security-Policy forbids WebAssembly: " +
        `add 'wasm-unsafe-eval' to its script-src (${message})`,
    );
  }
  if (!hasSimd()) {
    return new UndinError(
      "too-old",
      "this browser or Node has no SIMD for WebAssembly: " +
        "undin needs Chrome 100, Firefox 114, Safari 16.4, Node 18, or later",
    );
  }
  return new UndinError(
    "model",
    `${model} is no model that can be started, so its file is damaged or of another version of undin: ` +
      `build or install the package again (${name}: ${message})`,
  );
}

/** Whether WebAssembly has vectors: asks with the smallest module that splats a byte. */
function hasSimd() {
  const module = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];
  return typeof WebAssembly === "object" && WebAssembly.validate(new Uint8Array(module));
}
