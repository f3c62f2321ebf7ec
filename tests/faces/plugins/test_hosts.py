"""The same file through every host equals `Stream`, late as declared, or in time where a host compensates."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.needs import need
from support.plugins import RATE, environment

from undin import enhance, models

HERE = Path(__file__).parent


@pytest.mark.needs("ladspa-sdk")
def test_applyplugin(play, built, sound, tmp_path):
    """It reads and writes 16 bits, which are what the output is held to."""
    short = tmp_path / "in.wav"
    soundfile.write(short, sound.samples, RATE, subtype="PCM_16")
    output = play("applyplugin", short, "out.wav", built / "undin_ladspa.so", "stereo", 100, 0, 0, 0)
    expected, _ = sound.enhanced(soundfile.read(short, dtype="float32")[0])
    np.testing.assert_allclose(output, expected[: len(output)], atol=2 / 2**15)


@pytest.mark.needs("ladspa-sdk")
def test_analyseplugin_finds_plain_defaults(built):
    told = subprocess.check_output(["analyseplugin", built / "undin_ladspa.so"], text=True)
    controls = [line for line in told.splitlines() if "input, control" in line]
    assert len(controls) == 3 + 4
    assert all("default 0" in line or "default 100" in line for line in controls)
    assert told.count("Environment: Normal or Hard Real-Time") == 2


@pytest.mark.needs("sox")
@pytest.mark.parametrize("mode", ["compensating", "by channel"])
def test_sox(play, sound, mode):
    """Without `-l` it counts the latency among what it must be told; `-r` is a plug-in of mono for each channel."""
    command = ("sox", sound.path, "-e", "float", "-b", "32", "out.wav", "ladspa")
    if mode == "compensating":
        sound.check(play(*command, "-l", "undin_ladspa", "stereo"), late=False)
        sound.check(play(*command, "-l", "undin_ladspa", "stereo", 12, 0, 0, 0), late=False, atten_lim_db=12.0)
    else:
        output = play(*command, "-l", "-r", "undin_ladspa", "mono", 12)
        for channel in range(2):
            expected, latency = sound.enhanced(sound.samples[:, channel : channel + 1], atten_lim_db=12.0)
            np.testing.assert_allclose(output[:, channel], expected[latency : latency + len(output), 0], atol=1e-5)


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("compensates", [0, 1])
def test_ffmpeg_ladspa(play, sound, compensates):
    name = f"ladspa=file=undin_ladspa:plugin=stereo:controls=c0=12:latency={compensates}"
    command = ("ffmpeg", "-loglevel", "error", "-y", "-i", sound.path, "-af", name, "-c:a", "pcm_f32le", "out.wav")
    sound.check(play(*command), late=not compensates, atten_lim_db=12.0)


@pytest.mark.needs("ffmpeg", "lv2")
def test_ffmpeg_lv2(play, sound):
    name = r"lv2=p=urn\\:undin\\:stereo:c=limit=12"
    command = ("ffmpeg", "-loglevel", "error", "-y", "-i", sound.path, "-af", name, "-c:a", "pcm_f32le", "out.wav")
    sound.check(play(*command), late=True, atten_lim_db=12.0)


@pytest.mark.needs("lv2")
def test_lv2apply(play, sound):
    command = ("lv2apply", "-i", sound.path, "-o", "out.wav")
    sound.check(play(*command, "urn:undin:stereo"), late=True)
    sound.check(play(*command, "-c", "model", 3, "urn:undin:stereo"), late=True, model="undin-nano")


@pytest.mark.needs("lv2proc")
def test_lv2proc(play, sound):
    command = ("lv2proc", "-i", sound.path, "-o", "out.wav")
    sound.check(play(*command, "-c", "limit:12", "urn:undin:stereo"), late=True, atten_lim_db=12.0)


@pytest.mark.needs("lv2")
def test_lv2_is_valid_and_names_the_models(built, tmp_path):
    files = sorted((built / "lv2" / "undin.lv2").glob("*.ttl"))
    known = environment(built, tmp_path)
    told = subprocess.run(["lv2_validate", *files], capture_output=True, text=True, env=known)
    assert "Found 0 errors" in told.stdout and told.returncode == 0, told.stderr
    info = subprocess.check_output(["lv2info", "urn:undin:stereo"], text=True, env=known)
    assert {line.split('"')[1] for line in info.splitlines() if ' = "undin-' in line} == {
        name for name in models() if name.startswith("undin")
    }
    assert "Has latency:       yes, reported by port 4" in info


@pytest.mark.needs("dpf", "pedalboard")
def test_pedalboard(built, sound):
    """It compensates; a latency that changes while sound runs is followed, and state goes from one to another."""
    import pedalboard

    path = str(built / "vst3" / "undin.vst3")
    plugin = pedalboard.load_plugin(path)
    for block in (1, 128, 1024, 2048):
        samples = sound.samples if block > 1 else sound.samples[:9600]
        output = plugin(samples.T.copy(), RATE, buffer_size=block).T
        expected, latency = sound.enhanced(samples)
        assert plugin.reported_latency_samples == latency
        np.testing.assert_allclose(output, expected[latency:], atol=1e-5)
    plugin.limit_db = 12.0
    plugin(sound.samples[:480].T.copy(), RATE)  # a plug-in hears of what is set with the next sound
    other = pedalboard.load_plugin(path)
    other.raw_state = plugin.raw_state
    other.model = "undin-nano"
    sound.check(other(sound.samples.T.copy(), RATE).T, late=False, atten_lim_db=12.0, model="undin-nano")
    assert other.reported_latency_samples == 1802


@pytest.mark.needs("dpf", "pedalboard")
@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
def test_pedalboard_at_other_rates(built, sound, rate):
    import pedalboard

    plugin = pedalboard.load_plugin(str(built / "vst3" / "undin-mono.vst3"))
    samples = sound.samples[:, 0].copy()
    for at in (RATE, rate):  # the rate of one that was used changes
        output = plugin(samples, at)
        np.testing.assert_allclose(output, enhance(samples, sample_rate=at), atol=1e-5)


@pytest.mark.needs("dpf", "minihost")
def test_minihost(built, sound):
    import minihost

    plugin = minihost.Plugin(str(built / "vst3" / "undin.vst3"), sample_rate=RATE, max_block_size=480)
    expected, latency = sound.enhanced()
    assert plugin.latency_samples == latency
    output = np.zeros_like(sound.samples)
    for start in range(0, len(output), 480):
        block = np.ascontiguousarray(sound.samples[start : start + 480].T)
        result = np.zeros_like(block)
        plugin.process(block, result)
        output[start : start + 480] = result.T
    np.testing.assert_allclose(output, expected[: len(output)], atol=1e-5)


@pytest.fixture(scope="module")
def clap_host(tmp_path_factory):
    need("dpf", "cc")
    host = tmp_path_factory.mktemp("clap") / "host"
    flags = "-Wall", "-Wextra", "-Werror", "-I/usr/share/dpf/distrho/src", f"-I{HERE.parents[1] / 'support'}"
    subprocess.run(["cc", *flags, HERE / "clap_host.c", "-o", host, "-ldl"], check=True)

    def run(built, samples, *arguments, rate=RATE):
        """Output, and what the host told by name."""
        name = "undin.clap" if samples.shape[1] == 2 else "undin-mono.clap"
        command = [host, built / "clap" / name, str(rate), str(samples.shape[1]), *map(str, arguments)]
        done = subprocess.run(command, input=samples.T.tobytes(), capture_output=True)
        assert done.returncode == 0, done.stderr
        told = [line.split("=") for line in done.stderr.decode().splitlines()]
        return np.frombuffer(done.stdout, np.float32).reshape(samples.shape[::-1]).T, told

    return run


@pytest.mark.parametrize("block", [1, 128, 1024, 2048, 0])
def test_clap_in_place(clap_host, built, sound, block):
    output, told = clap_host(built, sound.samples, block)
    _, latency = sound.enhanced()
    assert [value for name, value in told if name == "latency"] == [str(latency)] * 2
    sound.check(output, late=True)


def test_clap_state_goes_to_another_instance(clap_host, built, sound):
    """The host takes and gives a few bytes at a time, and has no extension for latencies."""
    output, told = clap_host(built, sound.samples, 480, "Limit=12.25", "Model=3")
    assert ["Limit", "12.25"] in told and ["Model", "3"] in told
    sound.check(output, late=True, atten_lim_db=12.25, model="undin-nano")


def test_clap_tells_a_latency_that_changes(clap_host, built, sound):
    _, told = clap_host(built, sound.samples, 128, "--", "Model=1")
    assert [value for name, value in told if name == "latency"] == ["959", "1802"]
    assert int(dict(told)["restarts"]) >= 1


@pytest.mark.needs("gstreamer")
def test_gstreamer_keeps_the_time_of_sound(play, sound):
    """Whatever the sizes of buffers, the file comes out as long as it went in, and in time."""
    begin = ("gst-launch-1.0", "-q", "filesrc", f"location={sound.path}", "!", "wavparse", "!")
    end = ("!", "audio/x-raw,format=F32LE", "!", "wavenc", "!", "filesink", "location=out.wav")
    for before in ((), ("audiobuffersplit", "output-buffer-duration=1/1000", "!")):
        output = play(*begin, *before, "undin", "limit=12", *end)
        assert len(output) == len(sound.samples)
        sound.check(output, late=False, atten_lim_db=12.0)
    output = play(*begin, "undin", "model=undin-nano", *end)
    sound.check(output, late=False, model="undin-nano")


@pytest.mark.needs("gstreamer")
def test_gstreamer_takes_the_ladspa_plug_in_too(play, sound):
    begin = ("gst-launch-1.0", "-q", "filesrc", f"location={sound.path}", "!", "wavparse", "!", "audioconvert", "!")
    end = ("!", "audio/x-raw,format=F32LE", "!", "wavenc", "!", "filesink", "location=out.wav")
    sound.check(play(*begin, "ladspa-undin-ladspa-so-stereo", "limit=12", *end), late=True, atten_lim_db=12.0)


@pytest.mark.needs("gstreamer")
def test_gstreamer_tells_latency_and_follows_seeks(built, tmp_path, sound):
    done = subprocess.run(
        ["/usr/bin/python3", HERE / "gst_host.py", sound.path],
        capture_output=True,
        text=True,
        env=environment(built, tmp_path),
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    _, latency = sound.enhanced()
    assert told["latency_ns"] == latency * 10**9 // RATE
    assert told["latency_at_16000_ns"] == 511 * 10**9 // 16000
    assert told["first_after_seek_ns"] == 10**9
    assert told["levels"]["bypass"] > told["levels"]["none"] * 2


@pytest.mark.needs("obs")
def test_obs(built, sound, tmp_path):
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "libobs"], text=True).split()
    host = tmp_path / "host"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", HERE / "obs_host.c", "-o", host, *flags], check=True)
    module = built / "obs" / "undin"
    done = subprocess.run(
        ["xvfb-run", "-a", host, module / "bin" / "64bit" / "undin.so", module / "data"],
        input=sound.samples.T.tobytes(),
        capture_output=True,
        env=environment(built, tmp_path) | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    output = np.frombuffer(done.stdout, np.float32)
    expected, latency = sound.enhanced(atten_lim_db=12.0)
    count = len(output) // 2
    np.testing.assert_allclose(output.reshape(2, -1).T, expected[:count], atol=1e-5)
    told = done.stderr.decode()
    assert f"late by {latency * 10**9 // RATE} ns" in told
    assert "undin: Take the noise out (undin)" in told
