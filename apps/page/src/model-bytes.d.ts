/** What is loaded for each model, bytes: build.py writes the module. */
export const MODEL_BYTES: Record<string, number>;
