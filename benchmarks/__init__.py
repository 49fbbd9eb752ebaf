"""What is claimed about speed, as commands: `make bench`, or one file by itself."""
