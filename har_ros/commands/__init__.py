"""`actionnet …`: each subcommand is a module here."""
