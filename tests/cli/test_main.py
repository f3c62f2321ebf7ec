"""The command line's frame: it finds its commands, loads little, and turns errors into sentences and statuses."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from undin import cli

pytestmark = pytest.mark.quick


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True)


def test_all_commands_are_in_the_help():
    help_text = run("-m", "undin", "--help")
    assert help_text.returncode == 0
    for command in ("enhance", "evaluate", "train", "export", "data", "info"):
        assert f"\n    {command} " in help_text.stdout


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as status:
        cli.main([command, "--help"])
    assert status.value.code == 0
    assert f"usage: undin {command}" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as status:
        cli.main(["--version"])
    assert status.value.code == 0
    assert capsys.readouterr().out.startswith("undin 0.")


@pytest.mark.parametrize("arguments", [[], ["denoise"], ["enhance"], ["enhance", "a.wav", "--jobs", "0"]])
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as status:
        cli.main(arguments)
    assert status.value.code == 2
    assert "usage: undin" in capsys.readouterr().err


def test_parsing_loads_no_heavy_package():
    code = (
        "import sys; from undin import cli\n"
        "try: cli.main(['info', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(str({'torch', 'onnx', 'onnxruntime', 'soundfile', 'matplotlib', 'tqdm'} & set(sys.modules)))"
    )
    assert run("-c", code).stderr.strip() == "set()"


@pytest.mark.parametrize(
    ("module", "extra"), [("matplotlib.figure", "plot"), ("pesq", "eval"), ("torch.nn", "train"), ("soxr", "eval")]
)
def test_missing_extra_is_named(monkeypatch, capsys, module, extra):
    package = module.split(".")[0]
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("undin.cli.info.run", lambda args: __import__(module) and 0)
    assert cli.main(["info"]) == 1
    assert capsys.readouterr().err == (
        f'undin: error: this needs the package {package}; install it with: pip install "undin[{extra}]"\n'
    )


def test_missing_module_of_no_extra_is_a_bug_and_not_hidden(monkeypatch):
    monkeypatch.setattr("undin.cli.info.run", lambda args: __import__("no_such_module"))
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        cli.main(["info"])


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ValueError("the rate is odd"), 1, "undin: error: the rate is odd\n"),
        (
            FileNotFoundError(2, "No such file or directory", "a.wav"),
            1,
            "undin: error: a.wav: No such file or directory\n",
        ),
        (OSError("a.wav: not a regular file"), 1, "undin: error: a.wav: not a regular file\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_are_sentences(monkeypatch, capsys, error, status, text):
    def fail(args):
        raise error

    monkeypatch.setattr("undin.cli.info.run", fail)
    assert cli.main(["info"]) == status
    assert capsys.readouterr().err == text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["enhnace", "a.wav"], "did you mean enhance?"),
        (["enhance", "a.wav", "--jbos", "2"], "did you mean --jobs?"),
        (["enhance", "a.wav", "--atten-lim=3"], None),  # a beginning is enough
        (["pyproject.toml"], "did you mean: undin enhance pyproject.toml"),
    ],
)
def test_near_misses_are_suggested(arguments, words, capsys, monkeypatch):
    monkeypatch.setattr("undin.cli.enhance.run", lambda args: 0)
    if words is None:
        assert cli.main(arguments) == 0
        return
    with pytest.raises(SystemExit) as status:
        cli.main(arguments)
    assert status.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell, capsys, tmp_path):
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("enhance", "evaluate", "skip-existing", "atten-lim-db"):
        assert word in script
    if shell == "bash" and shutil.which("bash"):
        (tmp_path / "undin").write_text(script)
        ask = 'COMP_WORDS=(undin enhance --skip); COMP_CWORD=2; _undin undin --skip enhance; echo "${COMPREPLY[@]}"'
        answer = subprocess.run(["bash", "-c", f"source {tmp_path}/undin; {ask}"], capture_output=True, text=True)
        assert answer.stdout == "--skip-existing\n"


def test_signals_that_were_ignored_stay_ignored(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr("undin.cli.info.run", lambda args: os.kill(os.getpid(), signal.SIGHUP) or 0)
        assert cli.main(["info"]) == 0
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        monkeypatch.setattr("undin.cli.info.run", lambda args: os.kill(os.getpid(), signal.SIGTERM) or time.sleep(5))
        assert cli.main(["info"]) == 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGHUP, before)
