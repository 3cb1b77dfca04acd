"""Fail if dvc.lock, metrics.json or a picture is not what `dvc repro` would leave.

Usage: python -m plumbline.commands.check [HEAD] [--full]
"""

from argparse import Namespace

from plumbline.commands import arguments
from plumbline.review import lock, staleness
from plumbline.review.gate import load_rules
from plumbline.review.git import checkout_of, find_commit, uncommitted_files
from plumbline.review.reproduction import reproduce


def main(options: Namespace) -> None:
    rules = load_rules()
    head = find_commit(options.head)
    with checkout_of(head) as checkout:
        hashes = lock.output_hashes(lock.load(checkout, head))
        problems = [
            *staleness.problems(checkout),
            *staleness.damaged_objects(staleness.cache_folder(), hashes),
        ]
        if problems:
            arguments.fail("check: not what `dvc repro` would leave; run it and commit", problems)
        print("check: dvc.lock, metrics and pictures fit the parameters and the scripts")
        if not options.head and (names := uncommitted_files()):
            print(f"check: not committed yet: {', '.join(names)}")
        if not options.full:
            return
        differences = reproduce(checkout, rules)
    if not all(difference.within for difference in differences):
        arguments.fail("check: a run from nothing gives something else", map(str, differences))
    same = "the same within the tolerances" if differences else "the same bytes"
    print(f"check: a run from nothing gives {same}")
    for difference in differences:
        print(f"  {arguments.printable(str(difference))}")


if __name__ == "__main__":
    parser = arguments.parser(__doc__)
    parser.add_argument("head", nargs="?", help="the revision to check; else the working tree")
    parser.add_argument("--full", action="store_true", help="run all stages and compare")
    arguments.run(main, parser)
