"""The rate book: the current configuration in memory, how it is heard of, and its copy on disk."""
