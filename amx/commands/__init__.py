"""One module per group of commands; each adds its commands to the application by `add_to`."""
