"""A window of WebKitGTK that grants the microphone, which is a made-up one: webkit_host.py URL, for Debian's Python."""

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2  # noqa: E402

view = WebKit2.WebView(website_policies=WebKit2.WebsitePolicies(autoplay=WebKit2.AutoplayPolicy.ALLOW))
settings = view.get_settings()
for name in ("enable-media-stream", "enable-mock-capture-devices", "enable-write-console-messages-to-stdout"):
    settings.set_property(name, True)
settings.set_property("media-playback-requires-user-gesture", False)
view.connect("permission-request", lambda _, request: request.allow() or True)
window = Gtk.Window()
window.add(view)
window.show_all()
view.load_uri(sys.argv[1])
Gtk.main()
