"""A contradiction in dvc.lock is found without the data."""

from plumbline.review.lock import contradictions


def test_two_hashes_for_one_file_are_a_contradiction() -> None:
    def lock(made: str, used: str) -> dict[str, object]:
        return {
            "make": {"outs": [{"path": "a", "md5": made}]},
            "use": {"deps": [{"path": "a", "md5": used}, {"path": "b.py", "md5": "3"}]},
        }

    assert list(contradictions(lock("1", "1"))) == []
    assert list(contradictions(lock("1", "2"))) == ["use: ran with another a than dvc.lock has"]
