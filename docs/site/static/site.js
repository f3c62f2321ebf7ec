// Of two recordings in step one is heard: starting the other hands over at the same moment.
for (const figure of document.querySelectorAll("figure.sound")) {
  const players = [...figure.querySelectorAll("audio")];
  for (const player of players) {
    player.addEventListener("play", () => {
      for (const other of document.querySelectorAll("audio")) {
        if (other === player || other.paused) continue;
        other.pause();
        if (players.includes(other)) player.currentTime = other.currentTime;
      }
    });
  }
}

// Modules do not start from a folder; who opens the site from one is told, in place of an empty frame.
const frame = document.querySelector("iframe.page");
if (frame && location.protocol === "file:") {
  frame.hidden = true;
  document.querySelector(".from-a-file").hidden = false;
}
