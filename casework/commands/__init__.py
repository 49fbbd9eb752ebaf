"""The parts of the `casework` command: `service` (what runs), `cases`, `questions` (asked and answered) and `people`
(who answers them)."""
