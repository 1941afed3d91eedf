"""Whatever is an image becomes the same upright square; whatever is not is refused clearly."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from classify_anything.errors import ImageError
from classify_anything.images import read_picture, to_square
from tests.photos import encoded, photo


def test_a_path_bytes_an_image_and_an_array_give_the_same_square(tmp_path: Path) -> None:
    array = photo("cat")
    path = tmp_path / "cat.png"
    path.write_bytes(encoded(array, "PNG"))
    squares = [
        to_square(form, 224)
        for form in (path, str(path), path.read_bytes(), array, Image.open(path))
    ]
    assert squares[0].shape == (224, 224, 3)
    for square in squares[1:]:
        np.testing.assert_array_equal(square, squares[0])


def test_the_centre_is_cut_and_nothing_is_stretched() -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = 255
    assert to_square(wide, 50).min() == 255
    tall = wide.transpose(1, 0, 2).copy()
    assert to_square(tall, 50).min() == 255


def test_an_image_of_the_right_size_is_not_touched() -> None:
    pixels = photo("coffee")[:224, :224]
    np.testing.assert_array_equal(to_square(pixels, 224), pixels)


def test_bytes_are_kept_as_they_are_and_pixels_become_a_png() -> None:
    jpeg = encoded(photo("coffee"))
    picture = read_picture(jpeg, 224)
    assert (picture.data, picture.media_type) == (jpeg, "image/jpeg")
    assert (picture.width, picture.height) == (600, 400)
    kept = read_picture(photo("coffee"), 224)
    assert kept.media_type == "image/png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(kept.data))), photo("coffee"))


def test_exif_rotation_is_applied() -> None:
    upright = Image.fromarray(photo("rocket"))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)
    picture = read_picture(turned, 64)
    assert (picture.width, picture.height) == upright.size
    expected = to_square(upright, 64).astype(int)
    assert np.abs(picture.square.astype(int) - expected).mean() < 3


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16", "YCbCr"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    color = Image.fromarray(photo("astronaut"))
    if mode == "I;16":
        grey = np.asarray(color.convert("L")).astype(np.uint16) * 257
        source, kind = Image.fromarray(grey), "PNG"
    else:
        source = color.convert(mode)
        kind = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    square = to_square(encoded(source, kind), 64).astype(int)
    expected = color.convert("L").convert("RGB") if mode in ("L", "LA", "1", "I;16") else color
    difference = np.abs(square - to_square(expected, 64).astype(int)).mean()
    assert difference < (20 if mode == "1" else 8)


def test_what_is_transparent_is_white() -> None:
    glass = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    assert to_square(encoded(glass, "PNG"), 10).min() == 255


def test_of_an_animation_the_first_picture_counts() -> None:
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    red, _, blue = to_square(data, 20)[0, 0]
    assert red > 250
    assert blue < 5


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello, I am no image", "not an image"),
        (encoded(np.zeros((64, 64, 3), np.uint8))[:400], "damaged or cut short"),
        (encoded(photo("cat"), "PNG")[:5000], "damaged or cut short"),
        (encoded(Image.new("1", (20_000, 6_000)), "PNG"), "million"),
        (encoded(Image.new("1", (20_000, 20_000)), "PNG"), "million"),
    ],
    ids=["empty", "text", "cut JPEG", "cut PNG", "large", "bomb"],
)
def test_what_is_no_image_is_refused_in_one_line(data: bytes, says: str) -> None:
    with pytest.raises(ImageError, match=says) as caught:
        read_picture(data, 224)
    assert "\n" not in str(caught.value)


def test_a_message_names_the_file(tmp_path: Path) -> None:
    missing = tmp_path / "nothing.jpg"
    with pytest.raises(ImageError, match=r"nothing\.jpg: No such file"):
        read_picture(missing, 224)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 not much more")
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        read_picture(broken, 224)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8), 7],
)
def test_an_array_of_another_form_is_refused(wrong: object) -> None:
    with pytest.raises(ImageError):
        read_picture(wrong, 224)  # type: ignore[arg-type]


@given(
    data=st.binary(max_size=200),
    start=st.sampled_from(
        [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP"]
    ),
)
def test_no_bytes_do_worse_than_an_image_error(data: bytes, start: bytes) -> None:
    with contextlib.suppress(ImageError):
        read_picture(start + data, 16)
