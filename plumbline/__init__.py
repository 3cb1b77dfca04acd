"""The library: code that no project needs to change. Stages import it; it imports no stage."""
