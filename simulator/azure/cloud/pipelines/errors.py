"""How steps fail."""


class StepError(Exception):
    """A step failed, or could not be started; the text becomes the job's error."""
