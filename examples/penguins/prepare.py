"""Prepare a raw table for `load` and `predict`: drop gaps, turn categories into 0 and 1.

Usage: python -m stages.prepare RAW PREPARED
"""

import msgspec
import pandas as pd

from plumbline.core.command import run
from plumbline.core.errors import UserError
from plumbline.core.files import Input, Output, replacing


class Prepare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target: str
    numbers: list[str]
    categories: dict[str, list[str]]


class Params(msgspec.Struct, frozen=True):
    prepare: Prepare


def prepare(raw: pd.DataFrame, params: Prepare) -> pd.DataFrame:
    """The rows without a gap in a listed column; each category but the first gets a 0/1 column."""
    columns = [*params.numbers, *params.categories]
    if missing := [name for name in columns if name not in raw]:
        raise UserError(f"wanted the columns {', '.join(columns)}, got no {', '.join(missing)}")
    complete = raw.dropna(subset=[*columns, *({params.target} & {*raw})])
    for name, known in params.categories.items():
        complete[name] = complete[name].astype(str)
        if unknown := set(complete[name]) - set(known):
            raise UserError(f"column {name}: wanted {', '.join(known)}, got {min(unknown)}")
        complete[name] = pd.Categorical(complete[name], known)  # absent categories get columns too
    return pd.get_dummies(complete, columns=list(params.categories), drop_first=True, dtype=int)


def main(params: Params, raw_path: Input, prepared_path: Output) -> None:
    raw = pd.read_csv(raw_path)
    prepared = prepare(raw, params.prepare)
    print(f"{len(raw) - len(prepared)} of {len(raw)} rows have a gap and are left out")
    with replacing(prepared_path) as partial:
        prepared.to_csv(partial, index=False)


if __name__ == "__main__":
    run(main, Params)
