"""What a killed deployment or a lost answer has left: resources that Azure has and the stack's state does not know.

Nothing here deletes or changes anything in Azure. The stack's state is given what it misses; `pulumi up` does the rest.
"""
