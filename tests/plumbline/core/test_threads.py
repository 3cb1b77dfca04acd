"""`count_threads` reads the wanted number of threads; `map_in_threads` shares items among them."""

import os
import time
from threading import get_ident, main_thread

import pytest

from plumbline.core.threads import count_threads, map_in_threads


@pytest.mark.parametrize(("wanted", "threads"), [("1", 1), (" 2,4", 2), ("", 3), ("0", 3)])
def test_the_number_of_threads_is_omp_num_threads_or_by_default_the_number_of_cores(
    monkeypatch: pytest.MonkeyPatch, wanted: str, threads: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert count_threads() == threads


@pytest.mark.parametrize(("n", "threads"), [(0, 2), (5, 1), (5, 8), (100, 3)])
def test_each_item_is_processed_once_and_the_results_are_in_order(n: int, threads: int) -> None:
    started, done = [main_thread().ident], []

    def square(item: int) -> int:
        assert get_ident() in started
        done.append(item)
        return item**2

    results = map_in_threads(square, range(n), threads, lambda: started.append(get_ident()))
    assert results == [item**2 for item in range(n)]
    assert sorted(done) == list(range(n))
    assert len(started) <= threads


def test_after_an_error_the_other_threads_start_no_further_items() -> None:
    done = []

    def task(item: int) -> None:
        if item == 0:
            raise KeyboardInterrupt
        time.sleep(0.01)
        done.append(item)

    with pytest.raises(KeyboardInterrupt):
        map_in_threads(task, range(100), 2)
    assert len(done) < 25
