"""The stages; `python -m stages.NAME` runs this before the stage's slow imports.

It changes no result, so no stage declares it.
"""

import atexit
import sys

from plumbline.core.command import begin_imports, end_at_once

# Only while Python looks for the module that `-m` names.
if sys.argv[0] == "-m":
    begin_imports()
    atexit.register(end_at_once)
