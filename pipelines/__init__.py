"""The DVC stages, one short file each, the report, ``fit``, and where the commands start."""
