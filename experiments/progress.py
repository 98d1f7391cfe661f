"""What a person sees while an experiment works."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator


@contextlib.contextmanager
def stage(title: str) -> Iterator[None]:
    """Prints the title, on a terminal the seconds as they pass, and at the end how many it took."""
    start_s, done = time.perf_counter(), threading.Event()

    def line() -> str:
        return f"{title} ... {time.perf_counter() - start_s:5.1f} s"

    def tick() -> None:
        while not done.wait(0.5):
            print("\r" + line(), end="", flush=True)

    ticker = threading.Thread(target=tick, daemon=True) if sys.stdout.isatty() else None
    if ticker:
        ticker.start()
    else:
        print(f"{title} ...", flush=True)
    try:
        yield
    finally:
        done.set()
        if ticker:
            ticker.join()
        print(("\r" if ticker else "") + line(), flush=True)


def table(rows: list[dict[str, str]]) -> str:
    """Rows of equal keys as aligned text, the first column to the left and numbers to the right."""
    widths = {key: max(len(key), *(len(row[key]) for row in rows)) for key in rows[0]}
    lines = [dict(zip(widths, widths, strict=True)), {key: "-" * width for key, width in widths.items()}, *rows]
    first = next(iter(widths))
    return "\n".join(
        "  ".join(f"{line[key]:{'<' if key == first else '>'}{width}}" for key, width in widths.items()).rstrip()
        for line in lines
    )
