"""The numbers of the mixing: every probability and range, the `[mixing]` table of a recipe."""

import dataclasses

from undin.data.synthetic_noise import KINDS as SYNTHETIC_NOISE


@dataclasses.dataclass(frozen=True)
class MixingConfig:
    """Probabilities are per segment; pairs are the ends of a uniform distribution unless the line says otherwise.

    Raises
    ------
    ValueError
        One sentence that names the field, when a probability lies outside 0 to 1 or a pair is no range.
    """

    snr_db: tuple[float, float] = (-5.0, 20.0)
    """Active level of the target over the mean level of all noise in the segment."""
    speech_level_dbfs: tuple[float, float] = (-45.0, -10.0)
    """Active level (ITU-T P.56) of the target."""
    speech_high_pass_hz: float = 0.0
    """Cut-off of a high-pass on all speech, since what recordings hold below is rumble, and a network that is told
    to keep it keeps the rumble of the noise as well. 0: none."""
    clean_probability: float = 0.05
    """Share of segments whose input is the target itself."""
    noise_alone_probability: float = 0.05
    """Share of segments without speech."""
    corpus_shares: dict[str, float] = dataclasses.field(default_factory=dict)
    """Share of segments by the name of a folder, at any height, in which their speech or noise lies; what the shares
    leave is for all other files. Where nothing is said, groups count by the root of their durations."""
    speech_clean_above_db: tuple[float, float] = (0.0, 0.0)
    """Files of speech whose pauses lie less than the first below it are left out, those with more than the second heard
    in full, and between the two it rises evenly: pauses that are not silent teach to keep noise."""
    match_speech_band: bool = False
    """Noise ends where the recording of the speech ends, which may have had a lower sample rate: treble of noise
    without any of speech would teach that all treble is noise."""
    min_active_share: float = 0.3
    """Segments are chosen among a few so that at least this share of their frames holds sound."""
    held_speech_share: float = 0.0
    """Share of the speech that is vowels of the corpus, held and sung, so that what does not move can be a voice."""
    speech_speed_probability: float = 0.0
    """The speaker talks faster or slower, with pitch and formants moved alike, as in a recording that is played so."""
    speech_speed: tuple[float, float] = (0.9, 1.1)
    """Factor of the speed; a few evenly spaced ones are taken from the range."""
    noise_speed_probability: float = 0.0
    """All noise of the segment is played faster or slower."""
    noise_speed: tuple[float, float] = (0.7, 1.4)
    """Likewise."""
    synthetic_noise_shares: dict[str, float] = dataclasses.field(default_factory=dict)
    """Shares of the noise that are made by formula in place of recordings, by their kinds: hum, tone, beep, click."""
    second_noise_probability: float = 0.3
    """A second recording is added to the first."""
    babble_probability: float = 0.1
    """Babble, the sum of several talkers of the speech corpus, is added to the recorded noise."""
    babble_talkers: tuple[int, int] = (6, 10)
    """How many talk at once."""
    coloured_noise_probability: float = 0.15
    """Gaussian noise is added to the recorded noise."""
    coloured_noise_exponent: tuple[float, float] = (0.0, 2.0)
    """Its power density falls with this power of frequency: 0 is white, 1 pink, 2 brown."""
    added_noise_db: tuple[float, float] = (-10.0, 15.0)
    """Level of each added noise over the first."""
    equaliser_db: float = 3.0
    """Standard deviation of a smooth random response, drawn for speech and noise apart."""
    spectral_tilt_db_per_octave: tuple[float, float] = (-1.5, 1.5)
    """A tilt on top of the equaliser, drawn for speech and noise apart."""
    band_limit_probability: float = 0.15
    """Noisy and clean pass a steep low-pass, as through a codec or an old microphone."""
    low_pass_hz: tuple[float, float] = (3000.0, 7500.0)
    """Its cut-off."""
    high_pass_probability: float = 0.5
    """Share of the band-limited segments that pass a high-pass too, as through a telephone."""
    high_pass_hz: tuple[float, float] = (80.0, 400.0)
    """Its cut-off."""
    room_probability: float = 0.4
    """The speaker stands in a room; the target keeps its early reflections."""
    measured_room_share: float = 0.3
    """Share of these rooms that are measured ones, where there are any; all others are simulated."""
    rooms: int = 300
    """How many rooms are simulated when training starts."""
    room_rt60_s: tuple[float, float] = (0.1, 0.8)
    """Their reverberation times."""
    early_ms: float = 50.0
    """Reflections that come no later than this after the direct sound belong to the target."""
    clipping_probability: float = 0.05
    """The mixture clips; the target does not."""
    clipping_db: tuple[float, float] = (1.0, 12.0)
    """How far its peaks would have risen above the clipping threshold."""
    gap_probability: float = 0.0
    """Noisy and clean have stretches of digital zeros, as where packets are lost or somebody switches on and off."""
    gate_probability: float = 0.0
    """Noisy and clean are zeros where nobody speaks, as behind a gate. What is noise alone has no such gate."""
    gate_db: tuple[float, float] = (10.0, 30.0)
    """How far below the mean power of the segment's speech a frame may lie that opens the gate."""
    gate_hold_ms: tuple[float, float] = (40.0, 400.0)
    """For how long it stays open."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name.endswith(("_probability", "_share")):
                if not 0 <= value <= 1:
                    raise ValueError(f"mixing.{field.name} is {value}; it must lie between 0 and 1")
            elif isinstance(field.default, tuple):
                if len(value) != 2 or not value[0] <= value[1]:
                    raise ValueError(f"mixing.{field.name} is {value}; it must be a pair [low, high] with low ≤ high")
        for name in ("corpus_shares", "synthetic_noise_shares"):
            shares = getattr(self, name)
            if not all(0 < share <= 1 for share in shares.values()):
                raise ValueError(f"mixing.{name} are {shares}; each must be above 0 and at most 1")
        if unknown := sorted(set(self.synthetic_noise_shares) - set(SYNTHETIC_NOISE)):
            raise ValueError(
                f"mixing.synthetic_noise_shares has {unknown[0]!r}; known are {', '.join(SYNTHETIC_NOISE)}"
            )
        if sum(self.synthetic_noise_shares.values()) > 1:
            raise ValueError("mixing.synthetic_noise_shares add up to more than 1; lower one")
        if self.clean_probability + self.noise_alone_probability > 1:
            raise ValueError(
                "mixing.clean_probability and mixing.noise_alone_probability add up to more than 1; lower one"
            )
        if self.babble_talkers[0] < 1:
            raise ValueError(f"mixing.babble_talkers is {list(self.babble_talkers)}; at least one must talk")
        if self.speech_high_pass_hz < 0:
            raise ValueError(f"mixing.speech_high_pass_hz is {self.speech_high_pass_hz}; it must be 0 or above")
        if self.speech_speed[0] <= 0 or self.noise_speed[0] <= 0:
            raise ValueError("mixing.speech_speed and mixing.noise_speed must be above 0")
        if self.rooms < 1 or self.room_rt60_s[0] <= 0 or self.early_ms <= 0:
            raise ValueError("mixing.rooms, mixing.room_rt60_s and mixing.early_ms must be above 0")
        if self.low_pass_hz[0] <= 0 or self.high_pass_hz[0] <= 0:
            raise ValueError("mixing.low_pass_hz and mixing.high_pass_hz must be above 0")
