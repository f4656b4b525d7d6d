"""What exists in Azure: one Pulumi program, one module per stage."""
