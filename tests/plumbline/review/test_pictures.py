"""Pictures are compared by their pixels."""

from io import BytesIO

from PIL import Image

from plumbline.review.pictures import differing_share


def png(colour: str, size: tuple[int, int] = (10, 10), **options: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, format="png", **options)
    return file.getvalue()


def test_the_same_pixels_in_other_bytes_do_not_differ() -> None:
    assert png("red", compress_level=0) != png("red")
    assert differing_share(png("red", compress_level=0), png("red")) == 0


def test_one_changed_pixel_in_a_hundred_is_one_percent() -> None:
    with Image.open(BytesIO(png("red"))) as image:
        image.putpixel((3, 4), (0, 0, 0))
        file = BytesIO()
        image.save(file, format="png")
    assert differing_share(png("red"), file.getvalue()) == 0.01


def test_a_different_size_or_an_unreadable_picture_differs_completely() -> None:
    for other in (png("red", (10, 9)), b"", b"\x89PNG\r\n\x1a\nno", png("red")[:40]):
        assert differing_share(png("red"), other) == 1
