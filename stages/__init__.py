"""The stages. `python -m stages.NAME` runs this file before the stage's slow imports.

It affects no result, so dvc.yaml does not list it.
"""

import atexit
import sys

from plumbline.core.command import begin_imports, exit_fast

# sys.argv[0] is "-m" only while Python looks for the module to run, not in a test or a notebook.
if sys.argv[0] == "-m":
    begin_imports()
    atexit.register(exit_fast)
