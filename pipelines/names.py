"""What columns of a source are called in the row table."""

FIRST = ("source_line", "source_id", "text", "split")  # columns that every row table begins with


def kept_as(name: str) -> str:
    """The column of ``rows.parquet`` that holds a column of the source: one of its own."""
    column = f"source_{name}"
    return f"{column}_" if column.rstrip("_") in FIRST else column
