"""Plans, findings, drift and releases as text and Markdown. Pure: each function returns lines, commands print them."""
