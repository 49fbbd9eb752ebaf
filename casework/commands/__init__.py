"""The parts of the `casework` command: `service` (what runs), `cases`, `questions` (asked and answered), `people` (who
answers them), `bringing` (a file to deliver) and `certificates` (what was destroyed)."""
