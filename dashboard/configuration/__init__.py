"""The pages of the rate card: its queries, tables, and the forms of its entities."""
