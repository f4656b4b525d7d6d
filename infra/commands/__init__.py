"""`python -m infra COMMAND`: what a person needs before, beside and after `pulumi up`.

The commands read the same settings and ask the same Azure as the program does; none of them changes what the program
declares. A new one is a line in `command_line.COMMANDS` and a module with `configure` and `run`.
"""
