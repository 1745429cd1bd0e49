"""The Health page: what is asked, how long it may take, and when it is asked again."""
