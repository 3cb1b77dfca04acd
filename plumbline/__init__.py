"""The library: what no project changes. It imports no stage; each stage imports parts of it."""
