"""Where windows come from and predictions go, and who asks for them."""
