from __future__ import annotations

import re

from tests.web.browser.page_server import STATIC

FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
IMPORT = re.compile(r"""(?:from|import\()\s*["'](?P<target>[^"']+)["']""")


def test_the_whole_page_is_below_three_hundred_kilobytes():
    assert len(FILES) > 20
    assert sum(path.stat().st_size for path in FILES) < 300_000


def test_nothing_is_loaded_from_elsewhere():
    for path in FILES:
        addresses = set(
            re.findall(r"https?://[^\"'\s)]+|//[a-z]+\.[a-z]+/", path.read_text(encoding="utf-8"))
        )
        assert addresses <= {"http://www.w3.org/2000/svg"}, path


def test_no_text_can_become_html_and_no_style_needs_an_exception_of_the_content_policy():
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc"
    )
    for path in SCRIPTS:
        assert not forbidden.search(path.read_text(encoding="utf-8")), path
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script>", html)


def test_every_import_and_every_preload_is_a_file_and_every_file_is_used():
    used = set()
    for path in SCRIPTS:
        for target in IMPORT.findall(path.read_text(encoding="utf-8")):
            imported = (path.parent / target).resolve()
            assert imported.is_file(), f"{path.name}: {target}"
            used.add(imported)
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    named = [STATIC / name for name in re.findall(r'(?:href|src)="([a-z/]+\.(?:js|css|svg))"', html)]
    assert all(path.is_file() for path in named)
    assert used | {path.resolve() for path in named} | {STATIC / "index.html"} == set(FILES)


def test_no_module_is_longer_than_a_python_module_may_be():
    for path in FILES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path
