"""The ODBC driver for SQL Server on the machine that deploys; without it nothing can be done in the database."""

from stream_queries.errors import UserError

DRIVER = "ODBC Driver 18 for SQL Server"
"""Microsoft's name of it, as connection strings have it and pyodbc lists it:
https://learn.microsoft.com/sql/connect/odbc/linux-mac/connection-string-keywords-and-data-source-names-dsns"""


def driver_problem() -> tuple[str, str] | None:
    """What is wrong with the driver, and what to do; None if it is there."""
    try:
        import pyodbc
    except ImportError as error:  # it is linked with unixODBC
        return f"pyodbc cannot be loaded ({error})", "install unixODBC and Microsoft's package msodbcsql18"
    if DRIVER in pyodbc.drivers():
        return None
    return f"{DRIVER} is not installed here", "install Microsoft's package msodbcsql18"


def require_driver() -> None:
    """UserError unless the driver is there."""
    if problem := driver_problem():
        raise UserError("; ".join(problem))
