"""Every image becomes the same upright square; anything else is refused with a clear message."""

from __future__ import annotations

import contextlib
import io
import random
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from classify_anything import images
from classify_anything.errors import ImageError
from classify_anything.images import read_picture, to_square
from tests.photos import encoded, photo

TO_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a picture lies in a file, by its EXIF orientation."""


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


def test_the_centre_is_cropped_without_stretching() -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = 255
    assert to_square(wide, 50).min() == 255
    tall = wide.transpose(1, 0, 2).copy()
    assert to_square(tall, 50).min() == 255


def test_an_image_of_the_right_size_is_unchanged() -> None:
    pixels = photo("coffee")[:224, :224]
    np.testing.assert_array_equal(to_square(pixels, 224), pixels)


def test_bytes_are_kept_and_pixels_become_a_png() -> None:
    jpeg = encoded(photo("coffee"))
    picture = read_picture(jpeg, 224)
    assert (picture.data, picture.media_type) == (jpeg, "image/jpeg")
    assert (picture.width, picture.height) == (600, 400)
    kept = read_picture(photo("coffee"), 224)
    assert kept.media_type == "image/png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(kept.data))), photo("coffee"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(kind: str, orientation: int) -> None:
    upright = Image.fromarray(photo("rocket"))
    stored = upright.transpose(TO_STORED[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    as_tags = {"tiffinfo": {0x0112: orientation}} if kind == "TIFF" else {"exif": exif}
    picture = read_picture(encoded(stored, kind, quality=95, **as_tags), 64)
    assert (picture.width, picture.height) == upright.size
    expected = to_square(upright, 64).astype(int)
    assert np.abs(picture.square.astype(int) - expected).mean() < 3


def test_warnings_are_left_to_the_program_that_decodes() -> None:
    # Filters belong to the whole process: changed on several threads, they may stay changed.
    damaged = encoded(photo("cat"), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        before = tuple(warnings.filters)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: read_picture(damaged, 64), range(40)))
        assert tuple(warnings.filters) == before
    assert len([one for one in heard if "EXIF" in str(one.message)]) >= 40


def test_a_picture_with_damaged_exif_is_read() -> None:
    for exif in (b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0no tags at all", b"Exif\0\0"):
        picture = read_picture(encoded(photo("cat"), exif=exif), 64)
        assert (picture.width, picture.height) == (451, 300)


@pytest.mark.parametrize(("width", "height"), [(1600, 1200), (1203, 1601), (640, 480)])
@pytest.mark.parametrize("size", [64, 224, 300])
def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(
    width: int, height: int, size: int
) -> None:
    large = Image.fromarray(photo("cat")).resize((width, height))
    jpeg = encoded(large, quality=95)
    whole = Image.open(io.BytesIO(jpeg)).convert("RGB")
    picture = read_picture(jpeg, size)
    assert (picture.width, picture.height) == (width, height)
    difference = np.abs(picture.square.astype(int) - to_square(whole, size).astype(int))
    assert difference.mean() < 3


@pytest.mark.parametrize("short", [447, 448, 449, 900, 1801])
def test_a_jpeg_is_never_decoded_below_the_size(short: int) -> None:
    lines = np.zeros((short, short + 100, 3), np.uint8)
    lines[:, :: max(2, short // 112)] = 255
    decoded, _, _ = images._decode(encoded(lines), "lines.jpg", 224)
    assert min(decoded.size) >= 224
    assert min(decoded.size) < 2 * 448


@pytest.mark.parametrize("color", [(200, 30, 40), (20, 120, 220), (250, 250, 250), (5, 5, 5)])
def test_a_cmyk_jpeg_has_the_right_colours(color: tuple[int, int, int]) -> None:
    picture = Image.new("RGB", (64, 64), color)
    square = to_square(encoded(picture.convert("CMYK"), quality=95), 32)
    np.testing.assert_allclose(square.reshape(-1, 3).mean(axis=0), color, atol=6)


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


@pytest.mark.parametrize("kind", [".png", ".tiff"])
def test_16_bits_per_channel_become_8(kind: str) -> None:
    color = photo("coffee")
    written, data = cv2.imencode(kind, color[..., ::-1].astype(np.uint16) * 257)
    assert written
    np.testing.assert_array_equal(to_square(data.tobytes(), 64), to_square(color, 64))


def test_transparency_becomes_white() -> None:
    glass = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    assert to_square(encoded(glass, "PNG"), 10).min() == 255
    palette = Image.new("P", (10, 10), 0)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    for kind in ("PNG", "GIF"):
        assert to_square(encoded(palette, kind, transparency=0), 10).min() == 255


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_the_first_picture_of_a_file_is_used(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert Image.open(io.BytesIO(data)).n_frames == 2
    picture = read_picture(data, 20)
    red, _, blue = picture.square[0, 0]
    assert red > 240
    assert blue < 15
    assert picture.media_type == ("image/jpeg" if kind == "MPO" else f"image/{kind.lower()}")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello, I am no image", "not a supported image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a supported image"),
        (b"%PDF-1.7\n", "not a supported image"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "HEIC is not supported; convert"),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00", "AVIF is not supported; convert"),
        (encoded(np.zeros((64, 64, 3), np.uint8))[:400], "damaged or truncated"),
        (encoded(photo("cat"), "PNG")[:5000], "damaged or truncated"),
        (encoded(Image.new("1", (20_000, 6_000)), "PNG"), "megapixels"),
        (encoded(Image.new("1", (20_000, 20_000)), "PNG"), "megapixels"),
    ],
    ids=["empty", "text", "SVG", "PDF", "HEIC", "AVIF", "cut JPEG", "cut PNG", "large", "bomb"],
)
def test_anything_else_is_refused_in_one_line(data: bytes, says: str) -> None:
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


def test_an_unusable_pillow_image_is_refused_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(encoded(photo("cat"))[:9000])
    with Image.open(tmp_path / "cut.jpg") as cut:
        for image in (cut, Image.new("RGB", (0, 5)), Image.new("La", (5, 5))):
            with pytest.raises(ImageError, match="the image: "):
                read_picture(image, 32)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8), 7],
)
def test_an_array_of_another_shape_is_refused(wrong: object) -> None:
    with pytest.raises(ImageError):
        read_picture(wrong, 224)  # type: ignore[arg-type]


SMALL = Image.fromarray(photo("cat")).resize((40, 30))
WHOLE = {
    "JPEG": encoded(SMALL, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"),
    "CMYK": encoded(SMALL.convert("CMYK")),
    "PNG": encoded(SMALL, "PNG"),
    "palette": encoded(SMALL.convert("P"), "PNG", transparency=b"\x80\x40"),
    "animated": encoded(SMALL, "PNG", save_all=True, append_images=[SMALL.rotate(90)]),
    "WEBP": encoded(SMALL, "WEBP"),
    "GIF": encoded(SMALL, "GIF", save_all=True, append_images=[SMALL.rotate(90)]),
    "BMP": encoded(SMALL, "BMP"),
    "TIFF": encoded(SMALL, "TIFF", compression="tiff_lzw"),
    "MPO": encoded(SMALL, "MPO", save_all=True, append_images=[SMALL]),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_damaged_file_raises_only_image_errors(kind: str) -> None:
    read_picture(WHOLE[kind], 16)
    chance = random.Random(kind)
    for _ in range(200):
        data = bytearray(WHOLE[kind])
        for _ in range(chance.choice((1, 3))):
            data[chance.randrange(min(len(data), 400))] = chance.choice(
                (0, 255, chance.getrandbits(8))
            )
        with contextlib.suppress(ImageError):
            read_picture(bytes(data), 16)


@given(
    data=st.binary(max_size=200),
    start=st.sampled_from(
        [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP"]
    ),
)
def test_any_bytes_raise_only_image_errors(data: bytes, start: bytes) -> None:
    with contextlib.suppress(ImageError):
        read_picture(start + data, 16)
