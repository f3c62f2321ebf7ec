// What a page can know of the device it is on.
export default function () {
  const { userAgent } = navigator;
  return { userAgent, touch: "ontouchstart" in top, width: top.innerWidth, scale: top.devicePixelRatio };
}
