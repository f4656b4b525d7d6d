"""The questions asked of the stream, the data's shape, and the means to check, run and test a query anywhere."""

from pathlib import Path

FOLDER = Path(__file__).parent


def query_file(name: str = "sensor_windows") -> Path:
    """The file that holds the text of one query; what is deployed, run and tested is this file."""
    return FOLDER / f"{name}.asaql"
