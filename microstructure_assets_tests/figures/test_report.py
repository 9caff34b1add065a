"""The page: escaping, no request to elsewhere, size, structure."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from microstructure_assets.figures.report import ArtifactRow, Fact, ScanReport, Section, Table, render_report

VOID = {"meta", "img", "br", "hr", "link", "input"}
HOSTILE = (
    "</title></style></summary><script>alert('x')</script><img src=http://evil/x onerror=\"y\"> & ' \" \x00 ]]> 中"
)


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails on tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


def noise(width: int, height: int, seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def report(word: str = "nickel", sections: int = 2, image: bytes | None = None) -> ScanReport:
    return ScanReport(
        scan=word,
        created=word,
        headline=(Fact("412", word, "µm"), Fact(word, "regions")),
        summary=(word, "Nine points."),
        sections=tuple(
            Section(word, (word,), image, word, Table((word, "count"), ((word, "3"), (word, "1\u2009412"))))
            for _ in range(sections)
        ),
        distrust=(word, word),
        artifacts=(ArtifactRow(word, word, word, word, word, (word, word), word),),
        raw_files=((word, word),),
        software=((word, word),),
        about=((word, word),),
    )


def external(page: Page) -> list[str]:
    found = []
    for tag, attributes in page.tags:
        if tag in ("script", "link", "iframe", "object", "embed", "base", "form"):
            found.append(tag)
        for name, value in attributes.items():
            if name.startswith("on") or (name in ("src", "href", "srcset", "action", "data", "background") and not (
                (value or "").startswith("data:image/png;base64,") or (value or "").startswith("#")
            )):  # fmt: skip
                found.append(f"{tag} {name}={value}")
    return found


@pytest.mark.parametrize("word", ["nickel", HOSTILE])
def test_page_asks_for_nothing_and_closes_its_tags(word: str) -> None:
    text = render_report(report(word, image=noise(20, 10)))
    page = Page(text)
    assert external(page) == []
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "<script" not in text.lower()
    ids = {attributes.get("id") for _, attributes in page.tags}
    targets = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    assert targets == {"#distrust"}
    assert "distrust" in ids


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_every_string_comes_out_as_it_went_in(word: str) -> None:
    page = Page(render_report(report(word)))
    shown = "".join(letter for letter in word if letter in "\t\n" or ord(letter) >= 32)
    joined = "".join(page.words)
    assert joined.count(shown.replace("\r", "\n")) >= 10 or not shown
    assert external(page) == []


def test_pictures_are_in_the_page_unchanged_where_they_fit() -> None:
    image = noise(30, 20)
    page = Page(render_report(report(image=image)))
    sources = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert len(sources) == 2
    assert base64.b64decode(sources[0].split(",", 1)[1]) == image
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")


def test_page_stays_below_four_megabytes() -> None:
    large = noise(1100, 900)
    assert len(large) > 2_800_000
    text = render_report(report(sections=6, image=large))
    assert len(text.encode()) <= 4_000_000
    assert text.count("data:image/png;base64,") == 6
    small = noise(60, 40)
    mixed = ScanReport("a", "b", sections=(*(Section("s", (), large) for _ in range(4)), Section("t", (), small)))
    text = render_report(mixed)
    assert len(text.encode()) <= 4_000_000
    assert base64.b64encode(small).decode() in text  # small pictures do not pay for the large ones


def test_provenance_is_folded_and_complete() -> None:
    row = ArtifactRow(
        "pca_scores", "b3f9", "3", "12:31", "recomputed: setting knee.minimum 2 → 3", ("knee.minimum = 3",), "t12"
    )
    text = render_report(
        ScanReport("a", "b", artifacts=(row,), raw_files=(("p.h5", "9f2c"),), software=(("numpy", "2.4"),))
    )
    page = Page(text)
    assert [attributes for tag, attributes in page.tags if tag == "details"] == [{}, {}, {}]  # closed
    joined = "|".join(page.words)
    for word in ("pca_scores", "b3f9", "t12", "knee.minimum 2 → 3", "knee.minimum = 3", "p.h5", "9f2c", "numpy", "2.4"):
        assert word in joined


def test_an_empty_report_is_a_page_that_says_so() -> None:
    page = Page(render_report(ScanReport("a", "b")))
    joined = " ".join(page.words)
    assert "No check found a reason for doubt." in joined
    assert "No provenance was handed to this report." in joined
    assert not any(tag == "img" for tag, _ in page.tags)


def test_numbers_are_set_right_and_versions_are_not() -> None:
    table = Table(("region", "count"), (("R1", "12"), ("R2", "1\u2009412")))
    text = render_report(ScanReport("a", "b", sections=(Section("s", table=table),), software=(("numpy", "2"),)))
    assert '<td class="number">12</td>' in text
    assert '<td class="number">R1' not in text
    assert '<td class="short"><code>2</code></td>' in text


def test_same_report_same_page() -> None:
    assert render_report(report(image=noise(9, 9))) == render_report(report(image=noise(9, 9)))
