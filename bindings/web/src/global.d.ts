/** What `<script src="undin.global.js">` gives: `undin`, with undin-small inside. */
import type * as package_ from "./index.js";

declare global {
  var undin: typeof package_;
}

export {};
