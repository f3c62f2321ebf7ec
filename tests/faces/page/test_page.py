"""The page by its buttons, in real browsers."""

import base64
import io

import numpy as np
import pytest
import soundfile

FORMATS = {
    "wav": ("WAV", "PCM_16", 44_100, 2),
    "wav of 24 bits": ("WAV", "PCM_24", 48_000, 1),
    "wav of floats": ("WAV", "FLOAT", 16_000, 3),
    "wav, extensible": ("WAVEX", "PCM_16", 8_000, 2),
    "wav of more than 4 GB": ("RF64", "PCM_16", 22_050, 1),
    "flac": ("FLAC", "PCM_16", 44_100, 2),
    "ogg": ("OGG", "VORBIS", 32_000, 1),
    "mp3": ("MP3", "MPEG_LAYER_III", 22_050, 1),
}


def encoded(samples: np.ndarray, sample_rate: int, container: str, coding: str) -> bytes:
    """A file of samples (channels, samples)."""
    with io.BytesIO() as file:
        soundfile.write(file, samples.T, sample_rate, format=container, subtype=coding)
        return file.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_a_recording_is_enhanced_and_saved_at_its_own_rate(visit, browser, in_node, speech, name):
    container, coding, rate, channels = FORMATS[name]
    samples = speech(rate, min(channels, 2))[[0, 1, 0][:channels] if channels > 1 else [0]]
    browser.files["speech.file"] = encoded(samples, rate, container, coding)
    told = visit(
        "enhance.js", file="speech.file", model="undin-nano", strength=18, isDropped=browser.engine != "webkit"
    )
    if told.get("word") == "undecodable" and browser.engine == "webkit":
        pytest.skip(f"this WebKitGTK has no decoder for {name}")
    assert "wav" in told, told
    saved, saved_rate = soundfile.read(io.BytesIO(base64.b64decode(told["wav"])), dtype="float32", always_2d=True)
    assert saved_rate == rate and told["name"] == "speech-undin-nano.wav" and told["status"].startswith("Done in ")
    decoded, _ = soundfile.read(io.BytesIO(browser.files["speech.file"]), dtype="float32", always_2d=True)
    if name == "mp3":  # decoders differ in what they leave out at both ends
        assert abs(len(saved) - len(decoded)) < 3_000
        return
    assert saved.shape == decoded.shape
    if not name.startswith("wav"):  # decoded by the browser
        return
    planes = np.ascontiguousarray(decoded.T)
    expected, _ = in_node("enhance.mjs", planes, model="undin-nano", sampleRate=rate, attenLimDb=18)
    assert saved.T.tobytes() == expected.tobytes()


def test_cancelling_leaves_the_recording_as_it_was(visit):
    told = visit("cancel.js", timeout_s=120)
    assert 0 < told["share"] < 1 and told["isDisabled"]
    assert told["status"].startswith("Cancelled") and told["focus"] == "enhance"
    assert told["other"] == "opened" and told["end"] == "enhanced"
    assert told["again"].startswith("Again") and told["isHidden"]


def test_it_is_played_from_any_place(visit):
    told = visit("play.js", timeout_s=90)
    assert (told["heard"], told["switched"]) == ("after", "before")
    assert told["labels"] == ["Play", "Pause"] and told["isStill"]
    assert told["place"] == "0:59 of 1:00" and told["end"] == "1:00"
    whole, near, later, again = told["zooms"]
    assert whole == again and whole[0] == "0:00" and near[0].startswith("0:00") and near != whole
    assert later[0].startswith("0:30") and told["isWhole"]


def test_no_sample_is_lost_or_jumps_where_it_is_switched(visit):
    told = visit("gaps.js", switches=6)
    assert told["rate"] == 44_100 and told["seconds"] > 4
    assert told["most"] == pytest.approx(0.5, abs=0.01)
    # A fade of 10 ms bends a little more than the sine itself, and a lost sample a hundred times more.
    assert told["bend"] < 0.75


def test_the_microphone_is_enhanced_compared_and_recorded(visit, browser):
    told = visit("microphone.js", timeout_s=90)
    assert told.get("on") == ["enhanced", "The noise is taken out."], told
    assert told["original"][0] == "bypassed" and "original" in told["original"][1]
    assert told["bypassed"][1] == pytest.approx(told["bypassed"][0], abs=1.5)
    assert told["limited"][0] - 6 - 1.5 < told["limited"][1] < told["limited"][0] + 1.5
    if browser.engine == "chromium":  # whose microphone plays a noise; those of the others play tones
        assert told["enhanced"][1] < told["enhanced"][0] - 8
    assert told["numbers"][0].endswith(" %") and told["numbers"][1] in ("37 ms", "38 ms")
    assert told["devices"] >= 2
    assert told["facts"].startswith("0:0") and told["facts"].endswith("mono") and told["name"].startswith("20")


def test_an_overload_is_told_and_the_sound_called_the_original(visit):
    told = visit("overloaded.js", timeout_s=90)
    assert told["fault"]["word"] == "overload" and "smaller model" in told["fault"]["text"]
    assert "original" in told["state"] and "after" not in told


def test_the_language_is_switched_and_remembered(visit):
    (english, words, fault), (german, woerter, fehler), (again, last) = visit("language.js")
    assert (english, german, again) == ("en", "de", "de")
    same = {word for word in words if words[word] == woerter[word]}
    assert same == {"before"} and "" not in woerter.values()  # Original
    assert fault != fehler and "speech.file" in fault and "speech.file" in fehler
    assert last == woerter


def test_it_works_without_its_server_once_it_was_there(visit, browser, folder):
    told = visit("offline-first.js")
    if told.get("isMissing"):
        pytest.skip(f"{browser.engine} gives this page no service worker")
    assert told["said"] == "Works offline from now on"
    for name in [name for name in browser.files if name.startswith(folder)]:
        del browser.files[name]
    told = visit("offline-then.js")
    assert told["state"] == "enhanced"
    assert told["fault"]["word"] == "load" and "undin-nano" in told["fault"]["text"]


def test_the_first_load_is_small(visit, browser, folder, built):
    visit("offline-first.js")
    asked = {path.partition("?")[0]: size for path, size in browser.requests if path.startswith(f"/{folder}/")}
    print(f"{browser.engine}: {sum(asked.values()):,} bytes in {len(asked)} files")
    assert any(path.endswith("undin-nano.js") for path in asked)
    assert not [path for path in asked if "undin-small" in path]
    assert sum(asked.values()) < 300_000  # as they are; a server that packs them sends about half


def test_no_request_leaves_after_the_load(visit, browser):
    browser.requests.clear()
    violations = visit("nothing-leaves.js", elsewhere=browser.url.replace("127.0.0.1", "localhost") + "elsewhere/")
    # A browser looks for a newer version of any service worker when it likes, and for the harness's icon.
    paths = [path for path, _ in browser.requests if not path.endswith(("/sw.js", "/favicon.ico"))]
    loaded, used, tried = (paths.index(f"/mark?{when}") for when in ("loaded", "used", "tried"))
    assert paths[loaded + 1 : used] == []
    assert paths[used + 1 : tried] == []
    for directive in ("connect-src", "img-src", "form-action"):
        assert directive in violations, violations


FAULTS = {
    "undecodable": bytes(range(256)) * 99,
    "empty": encoded(np.zeros((1, 0), np.float32), 16_000, "WAV", "PCM_16"),
    "rate": encoded(np.zeros((1, 99), np.float32), 1_000, "WAV", "PCM_16"),
}
HOSTILE = {
    "no rate": (24, 0),
    "too high a rate": (24, 2**32 - 1),
    "no channels": (20, 0x0001),
    "more channels than there are": (20, 0xFFFF0001),
    "a chunk without an end": (16, 2**32 - 1),
}
"""Headers that lie: where a word of a WAV file is, bytes, and what it says."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_header_that_lies_is_no_harm(visit, browser, name):
    place, value = HOSTILE[name]
    file = bytearray(encoded(np.zeros((1, 4_000), np.float32), 16_000, "WAV", "PCM_16"))
    file[place : place + 4] = value.to_bytes(4, "little")
    browser.files["bad.file"] = bytes(file)
    assert visit("faults.js", file="bad.file")["word"] in ("rate", "undecodable")


@pytest.mark.parametrize("word", FAULTS)
def test_a_bad_recording_is_told_with_its_cure(visit, browser, word):
    browser.files["bad.file"] = FAULTS[word]
    told = visit("faults.js", file="bad.file")
    assert told["word"] == word and "speech.file" in told["text"] and ": " in told["text"]
    assert told["state"] in ("empty", "opened") and told["isGone"]


def test_a_blocked_worklet_is_told_and_nothing_is_heard(visit, browser, folder):
    page = browser.files[f"{folder}/index.html"]
    browser.files[f"{folder}/index.html"] = page.replace(b"script-src 'self' blob:", b"script-src 'self'")
    told = visit("faults.js", panel="live")
    assert told["word"] == "worklet" and told["live"] == "off"
