"""The checks of `doctor`: of the account, of this machine, and of what the subscription is offered."""
