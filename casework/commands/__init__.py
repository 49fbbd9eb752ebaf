"""The parts of the `casework` command: `service` (what runs), `cases`, `questions` (asked and answered), `people` (who
answers them), `bringing` (a file to deliver), `deliveries` (their links and keys) and `certificates` (what was
destroyed)."""
