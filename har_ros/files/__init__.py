"""Text, tables and folders of files: read strictly, written atomically."""
