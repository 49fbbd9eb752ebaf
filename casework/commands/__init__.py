"""The parts of the `casework` command: `cases` (what people do with cases) and `service` (what runs)."""
