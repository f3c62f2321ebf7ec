"""From a microphone to a loudspeaker until somebody ends it, and the wait for cards that are not there."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from undin.live import cards as sound
from undin.live.cards import Cards, Gone
from undin.live.path import Told
from undin.live.screen import Screen, clocks, picture, stronger, xruns
from undin.live.tape import Recording, new_path

DRAW_S = 0.1
LOOK_S = 1.0
"""How often it is looked for cards that are gone."""


@dataclass
class Settings:
    """What is to be played.

    Attributes
    ----------
    model, input, output, rate, block, latency, channels
        As `Cards` takes them.
    atten_lim_db : float or None
        As of `Stream`; arrows change it.
    bypass : bool
        The space bar changes it.
    record : Path or None
        Where both sides are recorded to from the beginning.
    seconds : float or None
        After which it ends by itself.
    """

    model: str | None = None
    input: str | None = None
    output: str | None = None
    rate: int | None = None
    block: int = 0
    latency: str | float = "low"
    channels: int = 1
    atten_lim_db: float | None = None
    bypass: bool = False
    record: Path | None = None
    seconds: float | None = None


class Player:
    """What goes on while cards come and go: settings, a recording, counts.

    Parameters
    ----------
    settings : Settings
    screen : Screen
    """

    def __init__(self, settings: Settings, screen: Screen):
        self.settings, self.screen = replace(settings), screen
        self._begun: float | None = None
        self._told = Told(-120.0, -120.0, 0.0, 0.0, 0.0, 0, 0, 0)
        self._recording: Recording | None = None
        self._path = settings.record
        self._ended = False

    def run(self) -> None:
        """Play until the end; errors of `Cards` only if it cannot begin."""
        while cards := self._cards():
            try:
                with cards:
                    self._say_what_plays(cards)
                    if self._begun is None and self._path:
                        self._record(cards, self._path)
                    self._begun = self._begun or time.monotonic()
                    self._play(cards)
            except Gone as gone:
                self.screen.say(f"{gone}: undin waits for it")
                sound.look_again()

    def _cards(self) -> Cards | None:
        """Those that are wanted, as soon as they are there; None if it is over before."""
        s = self.settings
        while not self._is_over():
            try:
                cards = Cards(
                    s.model,
                    input=s.input,
                    output=s.output,
                    rate=s.rate,
                    block=s.block,
                    latency=s.latency,
                    channels=s.channels,
                )
            except (OSError, ValueError):
                if self._begun is None:
                    raise
                if "end" in self.screen.keys(LOOK_S):
                    return None
                sound.look_again()
                continue
            # Numbers are given anew when cards come and go, names stay.
            s.input, s.output = s.input and cards.input_name, s.output and cards.output_name
            return cards
        return None

    def _say_what_plays(self, cards: Cards) -> None:
        again = "again " if self._begun else ""
        rates = f"{cards.rate} Hz" if cards.rate == cards.output_rate else f"{cards.rate} to {cards.output_rate} Hz"
        self.screen.say(f"{again}{cards.input_name} → {cards.model_name} → {cards.output_name}, {rates}")

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._begun if self._begun else 0.0

    def _is_over(self) -> bool:
        return self._ended or (self.settings.seconds is not None and self._seconds >= self.settings.seconds)

    def _play(self, cards: Cards) -> None:
        """Until the end, or a card is gone."""
        before, told = self._told, cards.path.told()
        try:
            while not self._is_over():
                cards.path.set(atten_lim_db=self.settings.atten_lim_db, bypass=self.settings.bypass)
                for key in self.screen.keys(DRAW_S):
                    self._obey(key, cards)
                now = cards.path.told()
                self._say_new_xruns(told, now)
                told = now
                self._told = _sum(before, told)
                self._write(cards)
                self._draw(cards)
                cards.check()
            self._ended = True
        finally:
            self._told = _sum(before, cards.path.told())
            self._end_recording(cards)  # what comes after a pause is another one
            self.screen.say(f"{self._seconds:.1f} s, {xruns(self._told)}, {clocks(self._told)}")

    def _draw(self, cards: Cards) -> None:
        if columns := self.screen.columns:
            before, after = cards.latency_s
            lines = picture(
                self._told,
                latencies_s=(before, cards.path.latency_s, after),
                load=cards.load,
                atten_lim_db=self.settings.atten_lim_db,
                bypass=self.settings.bypass,
                recorded_s=self._recording.seconds if self._recording else None,
                columns=columns,
            )
            self.screen.draw(lines)

    def _say_new_xruns(self, before: Told, now: Told) -> None:
        new = [
            f"{what} {count - was}"
            for what, was, count in (
                ("input", before.input_xruns, now.input_xruns),
                ("output", before.output_xruns, now.output_xruns),
                ("gaps", before.gaps, now.gaps),
            )
            if count > was
        ]
        if new and not self.screen.columns:
            self.screen.say(f"{self._seconds:.1f} s: xruns: {', '.join(new)}")

    def _obey(self, key: str, cards: Cards) -> None:
        settings = self.settings
        if key == "bypass":
            settings.bypass = not settings.bypass
        elif key in ("up", "down"):
            settings.atten_lim_db = stronger(settings.atten_lim_db, 1 if key == "up" else -1)
        elif key == "record":
            if self._recording:
                self._end_recording(cards)
            else:
                try:
                    self._record(cards, new_path(Path()))
                except OSError as error:
                    self.screen.say(f"not recorded: {error}")
        elif key == "end":
            self._ended = True

    def _record(self, cards: Cards, place: Path) -> None:
        path = cards.path
        self._recording = Recording(
            place, rate=cards.rate, channels=path.channels, latency_samples=path.latency_samples
        )
        path.taped()  # what is left of the one before
        path.record(True)

    def _write(self, cards: Cards) -> None:
        if self._recording:
            self._recording.write(cards.path.taped())

    def _end_recording(self, cards: Cards) -> None:
        cards.path.record(False)
        if self._recording:
            self._write(cards)
            recording, self._recording = self._recording, None
            recording.close()
            self.screen.say(f"recorded {recording.seconds:.1f} s to {recording.path}")


def _sum(before: Told, now: Told) -> Told:
    """What is told now, with the counts of the cards before."""
    return now._replace(
        input_xruns=before.input_xruns + now.input_xruns,
        output_xruns=before.output_xruns + now.output_xruns,
        gaps=before.gaps + now.gaps,
    )
