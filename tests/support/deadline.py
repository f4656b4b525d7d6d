"""How long tests wait for what will happen: so long that they miss only what never happens, on a busy machine too."""

ENOUGH_SECONDS = 300.0
