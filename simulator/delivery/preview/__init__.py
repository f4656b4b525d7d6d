"""What a change of the program would change in Azure: one tree deployed to a stand-in, another previewed against it."""
