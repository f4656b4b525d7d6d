"""What every package raises when a person can mend it."""


class UserError(Exception):
    """Something the user can mend. The text is one line: what was wrong and where, and what to do."""
