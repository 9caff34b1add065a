"""Which shares can be declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from microstructure_assets.acquisition.shares.settings import ShareError, Shares
from microstructure_assets.store.home import Home


def test_a_home_has_its_own_inbox_which_stays(home: Home) -> None:
    (inbox,) = Shares(home).all()
    assert (inbox.name, inbox.folder) == ("inbox", home.inbox)
    with pytest.raises(ShareError, match="always there"):
        Shares(home).forget("inbox")
    Shares(home).declare(name="inbox", url=str(home.inbox), settle_s=5)
    assert Shares(home).get("inbox").settle_s == 5
    Shares(home).forget("inbox")
    assert Shares(home).get("inbox").settle_s == 30


def test_what_is_declared_is_read_back_and_forgotten(home: Home, tmp_path: Path) -> None:
    declared = Shares(home).declare(
        name="sem1", url=f"{tmp_path}/a/../b", instrument="zeiss", sentinel=".done", quota_gib="2.5"
    )
    assert declared.url == f"{tmp_path}/b"
    assert Shares(home).get("sem1") == declared
    assert Shares(home).declare(name="nas", url="sftp://nas/data/").url == "sftp://nas/data"
    Shares(home).forget("sem1")
    with pytest.raises(ShareError, match="'sem1': not known; known: inbox, nas"):
        Shares(home).get("sem1")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "../x"}, "name: found '../x'"),
        ({"name": "a/b"}, "expected 1 to 80 letters"),
        ({"url": "data"}, "expected an absolute path or a URL"),
        ({"url": ""}, "expected an absolute path or a URL"),
        ({"settle_s": 0}, "settle_s: found 0; Input should be greater than or equal to 1"),
        ({"settle_s": "nan"}, "settle_s: found 'nan'"),
        ({"sentinel": "/etc"}, "sentinel: found '/etc'; expected an ending"),
        ({"instrument": ".."}, "instrument: found '..'"),
        ({"quota_gib": -1}, "quota_gib"),
        ({"colour": "red"}, "colour: found 'red'; Extra inputs"),
    ],
)
def test_what_is_refused(home: Home, tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ShareError) as caught:
        Shares(home).declare(**{"name": "sem", "url": str(tmp_path / "share"), **values})
    assert message in str(caught.value)
    assert [share.name for share in Shares(home).all()] == ["inbox"]


@pytest.mark.parametrize("inside", ["", "x", "x/y"])
def test_shares_that_hold_the_same_files_are_refused(home: Home, tmp_path: Path, inside: str) -> None:
    Shares(home).declare(name="a", url=str(tmp_path / "share"))
    Shares(home).declare(name="near", url=str(tmp_path / "share-2"))
    with pytest.raises(ShareError, match="taken twice"):
        Shares(home).declare(name="b", url=str(tmp_path / "share" / inside))
    Shares(home).declare(name="c", url="s3://bucket/data")
    with pytest.raises(ShareError, match="taken twice"):
        Shares(home).declare(name="d", url="s3://bucket/data/x")


def test_the_home_itself_is_no_share(home: Home) -> None:
    with pytest.raises(ShareError, match=r"own store|taken twice"):
        Shares(home).declare(name="a", url=str(home.root))
    with pytest.raises(ShareError, match="own store"):
        Shares(home).declare(name="a", url=str(home.store))
