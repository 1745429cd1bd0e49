"""Rating: what a call costs and is charged, and where it is routed, by the rate book in memory. Pure."""
