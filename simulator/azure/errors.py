"""How the simulated subscription says no."""


class RefusalError(Exception):
    """A request is refused; the text is what the person who deploys gets to read."""


class ArmError(RefusalError):
    """Azure Resource Manager's answer to a request that it does not carry out.

    The text is that of pulumi-azure-native, which shows an answer's status, code and message.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f'Status={status} Code="{code}" Message="{message}"')
        self.status, self.code, self.message = status, code, message
