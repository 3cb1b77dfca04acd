"""Pictures are compared by their pixels."""

from io import BytesIO

from PIL import Image

from plumbline.review.pixels import differing


def png(colour: str, size: tuple[int, int] = (10, 10), **options: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, format="png", **options)
    return file.getvalue()


def test_other_bytes_of_the_same_pixels_are_no_difference() -> None:
    assert png("red", compress_level=0) != png("red")
    assert differing(png("red", compress_level=0), png("red")) == 0


def test_the_share_of_the_pixels_that_differ_is_told() -> None:
    with Image.open(BytesIO(png("red"))) as image:
        image.putpixel((3, 4), (0, 0, 0))
        file = BytesIO()
        image.save(file, format="png")
    assert differing(png("red"), file.getvalue()) == 0.01


def test_another_size_and_what_is_no_picture_differ_in_all() -> None:
    for other in (png("red", (10, 9)), b"", b"\x89PNG\r\n\x1a\nno", png("red")[:40]):
        assert differing(png("red"), other) == 1
