"""The fields of a cron expression, as Azure ML takes them: numbers, ranges, steps and lists, no names."""


def cron_values(field: str, lowest: int, highest: int) -> set[int]:
    """The numbers that a field such as `*/15`, `0-10/5` or `1,7` stands for; none for a range that runs backwards."""
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            first, last = str(lowest), str(highest)
        values.update(range(int(first), int(last or (highest if step else first)) + 1, int(step or 1)))
    return values
