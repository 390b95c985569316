"""Programs that the Makefile runs before anything is installed: nothing here imports the package."""
