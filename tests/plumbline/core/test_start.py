"""Imports are never searched for garbage; what comes after them is."""

import gc
import signal
import weakref

from plumbline.core.start import begin_imports, end_imports


class Cycle:
    """An object that only a search for garbage can free."""

    def __init__(self) -> None:
        self.itself = self


def test_only_what_is_made_after_the_imports_is_searched_for_garbage() -> None:
    handler = signal.getsignal(signal.SIGINT)
    try:
        begin_imports()
        assert not gc.isenabled()
        imported = weakref.ref(Cycle())
        end_imports()
        assert gc.isenabled()
        later = weakref.ref(Cycle())
        gc.collect()
        assert imported() is not None
        assert later() is None
    finally:
        signal.signal(signal.SIGINT, handler)
        gc.unfreeze()
        gc.enable()
