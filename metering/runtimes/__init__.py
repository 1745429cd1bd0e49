"""Which meters run: each tells in the database what it serves (`telling`), and whoever asks sees all (`listing`)."""
