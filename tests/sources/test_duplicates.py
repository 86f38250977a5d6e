import numpy as np
from PIL import Image

from vidseq.sources.duplicates import hash_frame, near_pairs


def room(seed: int) -> np.ndarray:
    """A picture of some blurred blocks, (120, 160, 3)."""
    blocks = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return np.asarray(Image.fromarray(blocks).resize((160, 120), Image.Resampling.BICUBIC))


def test_another_size_brightness_or_quality_is_nearly_the_same_and_another_picture_is_not(tmp_path):
    image = room(0)
    Image.fromarray(image).save(tmp_path / "low.jpg", quality=20)
    small = np.asarray(Image.fromarray(image).resize((90, 60)))
    dark = (image * 0.7).astype(np.uint8)
    pictures = [image, np.asarray(Image.open(tmp_path / "low.jpg")), small, dark, room(1), room(2)]
    found = {(a, b) for a, b, _ in near_pairs(np.stack([hash_frame(picture) for picture in pictures]))}
    assert found == {(a, b) for a in range(4) for b in range(a + 1, 4)}


def test_pairs_are_found_across_chunks(monkeypatch):
    monkeypatch.setattr("vidseq.sources.duplicates.CHUNK", 2)
    bits_NB = np.random.default_rng(0).random((7, 200)) < 0.5
    bits_NB[5] = bits_NB[1]
    bits_NB[5, :10] ^= True
    [(first, second, distance)] = near_pairs(bits_NB)
    assert (first, second, round(distance, 4)) == (1, 5, 0.05)
