// Who provides a precompiled header has to compile something with it.
