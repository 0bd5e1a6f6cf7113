"""What a page looks like in Chromium: measured by a script in an outer page, so that the page itself needs none."""

from __future__ import annotations

import html
import json
import re
import subprocess

import pytest

from tools.pictures.page import find_chromium

needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="Chromium is not installed")

_OUTER = """<!doctype html><body style="margin:0"><iframe style="width:%dpx;height:900px;border:0"></iframe><pre></pre><script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const page = frame.contentDocument, style = (element, name) => frame.contentWindow.getComputedStyle(element)[name];
  document.querySelector("pre").textContent = JSON.stringify((%s)(page, style));
};
frame.srcdoc = %s;
</script>"""


def measured(page, script, *, width, dark=False, room):
    """Returns what a script finds in a page.

    Args:
        page: the page's HTML.
        script: a JavaScript function of the page's document and of ``style(element, property)``.
        width: of the window in pixels.
        dark: whether the reader prefers dark colours.
        room: an empty directory.
    """
    outer = room / "outer.html"
    outer.write_text(_OUTER % (width, script, json.dumps(page).replace("</", "<\\/")))
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    options = ("--headless", "--no-sandbox", f"--user-data-dir={room / 'profile'}", scheme)
    command = [find_chromium(), *options, "--virtual-time-budget=3000", "--dump-dom", outer.as_uri()]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    return json.loads(html.unescape(re.search(r"<pre>(.+?)</pre>", found, re.DOTALL)[1]))
