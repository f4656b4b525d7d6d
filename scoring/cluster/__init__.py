"""What the cluster runs: exactly this folder is uploaded, with the modules of `stream_queries` that it needs."""
