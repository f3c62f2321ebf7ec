"""Real browsers without a display: each is started once, opens one page, and does there what tests ask for.

No driver is needed: the page asks this process for the next job, opens it in a frame of its own and sends back what it
gave. A job is a module of `pages`, whose default export gets arguments and gives something that JSON can hold.
"""

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HERE = Path(__file__).parent
START_SECONDS = 60
HELD_SECONDS = 4
"""Until models that are asked for below ``/held/`` are sent."""
FIREFOX_PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
}

PHONE_AGENT = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.0.0 "
    "Mobile Safari/537.36"
)
PHONE_FLAGS = "--window-size=390,844", "--force-device-scale-factor=3", "--touch-events=enabled"

KINDS = {
    "js": "text/javascript",
    "mjs": "text/javascript",
    "wasm": "application/wasm",
    "html": "text/html",
    "css": "text/css",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}

MAIN_PAGE = """<!doctype html><meta charset=utf-8><title>undin</title><script type=module>
for (;;) {
  const job = await (await fetch("/next")).json();
  if (job === null) continue;
  const frame = document.createElement("iframe");
  frame.allow = "microphone; autoplay";
  frame.src = `/frame?job=${job}`;
  document.body.append(frame);
  await fetch(`/wait?job=${job}`);
  frame.remove();
}
</script>"""

FRAME = """<!doctype html><meta charset=utf-8>{head}<script type=module src="/run.js?job={job}"></script>"""

RUN = """
const done = (result) => fetch("/done?job={job}", {{ method: "POST", body: JSON.stringify(result) }});
try {{
  const page = await import("/pages/{page}");
  done({{ value: await page.default({arguments}) }});
}} catch (error) {{
  done({{ error: `${{error.name}} ${{error.code ?? ""}} ${{error.message}} ${{error.stack}}` }});
}}
"""


@dataclass
class Job:
    """What a browser shall do, and what came of it."""

    page: str
    arguments: dict
    head: str
    policy: str | None
    result: dict | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Browser:
    """A browser that waits for jobs.

    Parameters
    ----------
    engine : {"chromium", "firefox", "webkit", "phone"}
        The last is Chromium as a web view on Android calls itself, of that size and with touch.
    dist : Path
        The built package, served as ``/undin/``.
    microphone : Path
        A WAV file that Chromium's microphone plays.
    """

    def __init__(self, engine: str, dist: Path, *, microphone: Path):
        self.engine, self.microphone = engine, microphone
        self.jobs: list[Job] = []
        self.waiting: queue.Queue[int] = queue.Queue()
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, int]] = []
        browser = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self):
                browser.answer(self, dist)

            def do_POST(self):
                browser.take(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.processes: list[subprocess.Popen] = []
        self.folder: tempfile.TemporaryDirectory | None = None
        self.seen = threading.Event()

    def run(self, page: str, *, head: str = "", policy: str | None = None, timeout_s: float = 60, **arguments):
        """Do a job: what the page's function gives. A browser that does not answer is started once more."""
        for attempt in range(2):
            if not self.processes:
                self.start()
            job = Job(page, arguments, head, policy)
            self.jobs.append(job)
            self.waiting.put(len(self.jobs) - 1)
            if job.done.wait(timeout_s):
                break
            job.done.set()
            log = Path(self.folder.name, "log").read_text(errors="replace")[-2000:]
            self.stop()
            if attempt:
                raise TimeoutError(f"{self.engine} did not finish {page} in {timeout_s} s; it wrote: {log}")
        if "error" in job.result:
            raise AssertionError(job.result["error"])
        return job.result.get("value")

    def start(self) -> None:
        """Start it, and wait until it asks for something to do."""
        self.folder = tempfile.TemporaryDirectory(prefix="undin-browser", ignore_cleanup_errors=True)
        self.seen.clear()
        while not self.waiting.empty():
            self.waiting.get()
        getattr(self, f"start_{self.engine}")(Path(self.folder.name))
        if not self.seen.wait(START_SECONDS):
            log = Path(self.folder.name, "log").read_text(errors="replace")[-2000:]
            self.stop()
            raise TimeoutError(f"{self.engine} did not open its page in {START_SECONDS} s; it wrote: {log}")

    def start_phone(self, folder: Path) -> None:
        self.start_chromium(folder, f"--user-agent={PHONE_AGENT}", *PHONE_FLAGS)

    def start_chromium(self, folder: Path, *more: str) -> None:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        media = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        media += [f"--use-file-for-fake-audio-capture={self.microphone}"]
        media += ["--autoplay-policy=no-user-gesture-required", "--disable-features=WebRtcHideLocalIpsWithMdns"]
        self.spawn("chromium", *flags, *media, *more, f"--user-data-dir={folder}", self.url)

    def start_firefox(self, folder: Path) -> None:
        """With a sound server that plays to nowhere: without one no AudioContext ever runs."""
        (folder / "pulse").mkdir()
        profile = folder / "profile"
        profile.mkdir()
        lines = (f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in FIREFOX_PREFERENCES.items())
        (profile / "user.js").write_text("".join(lines))
        home = {"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder), "MOZ_HEADLESS": "1"}
        home["PULSE_SERVER"] = f"unix:{folder}/pulse/native"
        self.spawn(
            *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit=no"),
            *("-L", "module-native-protocol-unix auth-anonymous=1"),
            *("-L", "module-null-sink sink_name=nowhere rate=48000 channels=2"),
            **home,
        )
        deadline = time.monotonic() + 10
        while not (folder / "pulse" / "native").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.spawn("firefox-esr", "--headless", "--no-remote", "--profile", str(profile), self.url, **home)

    def start_webkit(self, folder: Path) -> None:
        program = ["/usr/bin/python3", str(HERE / "webkit_host.py"), self.url]
        home = {"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)}
        self.spawn("xvfb-run", "--auto-servernum", *program, **home)

    def spawn(self, *command: str, **environment: str) -> None:
        log = open(Path(self.folder.name, "log"), "a")
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | environment, start_new_session=True
        )
        log.close()
        self.processes.append(process)

    def stop(self) -> None:
        """End all that was started."""
        for one in (signal.SIGTERM, signal.SIGKILL):
            for process in reversed(self.processes):
                try:
                    os.killpg(process.pid, one)
                except ProcessLookupError:
                    pass
            if one == signal.SIGTERM:
                time.sleep(1)
        for process in self.processes:
            process.wait()
        self.processes.clear()
        if self.folder:
            self.folder.cleanup()

    def close(self) -> None:
        """Stop it, and its server."""
        self.stop()
        self.server.shutdown()

    def answer(self, request: SimpleHTTPRequestHandler, dist: Path) -> None:
        """Serve pages, the package and files."""
        url = urlsplit(request.path)
        job = parse_qs(url.query).get("job", [None])[0]
        policy = None
        if url.path == "/":
            body, kind = MAIN_PAGE.encode(), "text/html"
        elif url.path == "/next":
            self.seen.set()
            try:
                number = self.waiting.get(timeout=20)
            except queue.Empty:
                number = None
            body, kind = json.dumps(number).encode(), "application/json"
        elif url.path == "/wait":
            self.jobs[int(job)].done.wait()
            body, kind = b"", "text/plain"
        elif url.path == "/frame":
            one = self.jobs[int(job)]
            policy = one.policy
            body, kind = FRAME.format(job=job, head=one.head).encode(), "text/html"
        elif url.path == "/run.js":
            one = self.jobs[int(job)]
            body = RUN.format(job=job, page=one.page, arguments=json.dumps(one.arguments)).encode()
            kind = "text/javascript"
        else:
            folder, _, name = url.path.strip("/").partition("/")
            if folder == "held" and name.endswith(".wasm"):
                time.sleep(HELD_SECONDS)
            place = {"undin": dist, "held": dist / "assets", "pages": HERE / "pages"}.get(folder)
            path = place / name if place else None
            body = path.read_bytes() if path and path.is_file() else self.files.get(url.path.strip("/"))
            kind = KINDS.get(name.rpartition(".")[2], "application/octet-stream")
        self.requests.append((request.path, len(body or b"")))
        request.send_response(404 if body is None else 200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body or b"")))
        request.send_header("Cache-Control", "no-store")
        if policy:
            request.send_header("Content-Security-Policy", policy)
        request.end_headers()
        with suppress(ConnectionError):  # a page that is gone wants nothing any more
            request.wfile.write(body or b"")

    def take(self, request: SimpleHTTPRequestHandler) -> None:
        """Take what a job gave."""
        job = self.jobs[int(parse_qs(urlsplit(request.path).query)["job"][0])]
        job.result = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        request.send_response(204)
        request.end_headers()
        job.done.set()
