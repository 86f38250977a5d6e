"""Weights from timm's hub, where it answers and where not."""

import socket
import time

import pytest
import timm

from vidseq.errors import VidseqError
from vidseq.extraction import encoder as encoders
from vidseq.extraction.encoder import load_encoder


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    """Nothing answers where the hub should be, and none of its files are on the disk."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(encoders.constants, "ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(encoders.constants, "HF_HUB_CACHE", str(tmp_path))


def test_weights_out_of_reach_end_in_one_line_at_once(no_hub, caplog):
    began = time.monotonic()
    with pytest.raises(VidseqError, match=r"'resnet18' cannot be downloaded from timm's hub \(.*efused\)") as caught:
        load_encoder("resnet18")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 5
    assert caplog.messages == []
    assert not encoders.constants.HF_HUB_OFFLINE


def test_weights_on_the_disk_need_no_hub(no_hub, monkeypatch):
    def on_disk(name, **_):
        assert encoders.constants.HF_HUB_OFFLINE
        return create_model(name, num_classes=0)

    create_model = timm.create_model
    monkeypatch.setattr(encoders.timm, "create_model", on_disk)
    assert load_encoder("mobilenetv3_small_050")[1]["dim"] == 1024


def test_whatever_a_download_raises_ends_in_one_line(monkeypatch):
    def broken(*_, **__):
        raise OSError("cannot find the requested files\nin the local cache")

    monkeypatch.setattr(encoders, "_unreachable", lambda url: None)
    monkeypatch.setattr(encoders.timm, "create_model", broken)
    with pytest.raises(VidseqError, match="weights of 'resnet18' cannot be downloaded from timm's hub") as caught:
        load_encoder("resnet18")
    assert "\n" not in str(caught.value)


def test_the_hub_is_looked_for_behind_the_proxy(monkeypatch):
    for proxy, found in (("http://127.0.0.1:1", ConnectionRefusedError), ("http://name.invalid:80", socket.gaierror)):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.delenv("https_proxy", raising=False)
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert isinstance(encoders._unreachable("https://127.0.0.1:2"), found)
