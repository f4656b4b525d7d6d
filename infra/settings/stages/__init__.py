"""What can be set of each stage, with defaults and limits: one frozen dataclass per stage."""
