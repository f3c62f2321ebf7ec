// What a page of its own tells, in a frame.
export default async function ({ address }) {
  const told = new Promise((resolve) => addEventListener("message", ({ data }) => resolve(data)));
  const frame = document.createElement("iframe");
  frame.src = address;
  document.body.append(frame);
  return told;
}
